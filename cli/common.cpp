#include "cli/common.hpp"

#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/text.hpp"
#include "base/units.hpp"

namespace forerun::cli {

int refuse(const Problems& problems) {
  constexpr std::size_t most = 100;  // of several files
  const std::size_t shown = std::min(most, problems.size());
  std::string text = to_string(Problems(problems.begin(), problems.begin() + static_cast<std::ptrdiff_t>(shown)));
  if (shown < problems.size()) text += fmt::format("and {} more\n", problems.size() - shown);
  say(text);
  return to_fix;
}

void say(const std::string& text) { static_cast<void>(std::fputs(text.c_str(), stderr)); }

void announce(const std::string& what, Seconds time, Bytes memory) {
  const bool long_run = time > Seconds{60}, large = memory > Bytes{4 * 0x1p30};
  if (!long_run && !large) return;
  std::vector<std::string> needs;
  if (long_run) needs.push_back(fmt::format("about {:.0f} minutes", std::ceil(time.value() / 60)));
  if (large) needs.push_back("about " + format(memory) + " of memory");
  say(fmt::format("note: {} takes {}\n", what, join(needs, " and ")));
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
