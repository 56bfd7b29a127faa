#include "cli/common.hpp"

#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <cstdio>

namespace forerun::cli {

int refuse(const Problems& problems) {
  constexpr std::size_t most = 50;  // a wrong file can have millions
  const std::size_t shown = std::min(most, problems.size());
  fmt::print(stderr, "{}",
             to_string(Problems(problems.begin(), problems.begin() + static_cast<std::ptrdiff_t>(shown))));
  if (shown < problems.size()) fmt::print(stderr, "and {} more\n", problems.size() - shown);
  return to_fix;
}

void print(const std::string& text) { fmt::print("{}", text); }

void add_calibrations(CLI::App& verb, std::vector<std::string>& files) {
  verb.add_option("--calibration", files,
                  "fits of your own (forerun fit) over the shipped ones; may be given several times")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->take_all();
}

}  // namespace forerun::cli
