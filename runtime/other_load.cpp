#include "runtime/other_load.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace forerun {
namespace {

struct Cores {
  double busy = 0, all = 0;  // seconds of all cores together
};

Cores cores_now() {
  std::ifstream file("/proc/stat");
  std::string name;
  if (!(file >> name) || name != "cpu") return {};
  Cores sum;
  const double second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  // user, nice, system, idle, iowait, irq, softirq, steal; guests are among user and nice
  for (int field = 0; field < 8; ++field) {
    double ticks = 0;
    if (!(file >> ticks)) break;
    sum.all += ticks / second;
    if (field != 3 && field != 4) sum.busy += ticks / second;
  }
  return sum;
}

double own_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace

OtherLoad::OtherLoad() : own_(own_seconds()) {
  const Cores now = cores_now();
  busy_ = now.busy, all_ = now.all;
}

double OtherLoad::share() const {
  const Cores now = cores_now();
  const double all = now.all - all_;
  if (all <= 0) return 0;
  return std::clamp((now.busy - busy_ - (own_seconds() - own_)) / all, 0.0, 1.0);
}

}  // namespace forerun
