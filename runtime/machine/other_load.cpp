#include "runtime/machine/other_load.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "runtime/machine/cores.hpp"

namespace forerun {
namespace {

CoreTicks ticks_now() {
  std::ifstream file("/proc/stat");
  return core_ticks(std::string(std::istreambuf_iterator<char>(file), {}), own_cores());
}

double own_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace

// A line a core: its name, then the ticks of user, nice, system, idle, iowait, irq, softirq, steal, and of guests,
// which are among user and nice (proc(5)).
CoreTicks core_ticks(std::string_view stat, std::span<const int> cores) {
  CoreTicks sum;
  std::istringstream lines{std::string(stat)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string name;
    fields >> name;
    if (std::ranges::none_of(cores, [&](int core) { return name == "cpu" + std::to_string(core); })) continue;
    std::int64_t ticks = 0;
    for (int field = 0; field < 8 && fields >> ticks; ++field) {
      sum.all += ticks;
      if (field != 3 && field != 4) sum.busy += ticks;
    }
  }
  return sum;
}

OtherLoad::OtherLoad() : then_(ticks_now()), own_(own_seconds()) {}

double OtherLoad::share() const {
  const CoreTicks now = ticks_now();
  if (now.all <= then_.all) return 0;
  const double own = (own_seconds() - own_) * static_cast<double>(::sysconf(_SC_CLK_TCK));
  return std::clamp((static_cast<double>(now.busy - then_.busy) - own) / static_cast<double>(now.all - then_.all), 0.0,
                    1.0);
}

}  // namespace forerun
