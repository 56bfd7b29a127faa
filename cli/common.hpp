// What the verbs share: exit codes, problems, how an answer is printed, flags that name a scenario.
#pragma once

#include <string>
#include <vector>

#include "base/quantity.hpp"
#include "base/result.hpp"
#include "base/table.hpp"

namespace CLI {
class App;
}

namespace forerun::cli {

// 0 answered; 1 a run failed; 2 the user can fix it; 3 no plan fits.
inline constexpr int answered = 0, failed = 1, to_fix = 2, nothing_fits = 3;

// Of several readings at once.
template <class... Results>
Problems problems_of(const Results&... results) {
  Problems all;
  const auto add = [&](const auto& result) {
    if (!result) all.insert(all.end(), result.error().begin(), result.error().end());
  };
  (add(results), ...);
  return all;
}

int refuse(const Problems&);  // prints them to stderr and returns to_fix
// To stderr. That nobody can read it changes no exit code.
void say(const std::string& text);
// Says first what a run of more than a minute, or of more than 4 GiB, is going to need.
void announce(const std::string& what, Seconds time, Bytes memory = Bytes{0});

// An answer as reports/ writes it.
void print(const std::string& text);
template <class Answer>
void print_answer(const Answer& answer, bool json) {
  print(json ? json_text(answer) : to_text(answer, terminal_width()));
}

// --calibration FILE, as often as there are files.
void add_calibrations(CLI::App&, std::vector<std::string>& files);

// One function a verb: adds its flags; `code` receives the exit code when the verb runs.
void add_plan(CLI::App&, int& code);
void add_estimate(CLI::App&, int& code);
void add_simulate(CLI::App&, int& code);
void add_execute(CLI::App&, int& code);
void add_catalog(CLI::App&, int& code);
void add_validate(CLI::App&, int& code);
void add_fit(CLI::App&, int& code);
void add_profile(CLI::App&, int& code);

}  // namespace forerun::cli
