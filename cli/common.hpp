// What the verbs share: exit codes, problems, flags that name a scenario, tables of an estimate.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "strategies/plan/plan_file.hpp"
#include "strategies/search/advice.hpp"
#include "strategies/search/search.hpp"

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

std::string counted(std::size_t n, std::string_view noun);  // "1 plan", "3 plans"
std::string headline(const Scenario&);
std::string band(const Timing&);                       // "14.7 s (13.1 to 16.5)"
std::string breakdown_table(const Estimate&);          // time by category
std::string breakdown_table(const Breakdown&, Seconds step, const std::string& note);
std::string memory_table(const MemoryUse&, int width);
std::string traffic_table(const Traffic&);
std::string sources(const PricedScenario&);            // where the numbers come from

// Says on stderr by how much, and what would fit on the same devices; returns nothing_fits.
int does_not_fit(const Plan&, const MemoryUse&, const std::vector<Change>& would_fit);

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
