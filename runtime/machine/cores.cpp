#include "runtime/machine/cores.hpp"

#include <sched.h>

#include <algorithm>
#include <numeric>
#include <thread>

namespace forerun {

std::vector<int> own_cores() {
  std::vector<int> list;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int core = 0; core < CPU_SETSIZE; ++core) {
      if (CPU_ISSET(core, &set)) list.push_back(core);
    }
  }
  if (list.empty()) {
    list.resize(std::max(1U, std::thread::hardware_concurrency()));
    std::iota(list.begin(), list.end(), 0);
  }
  return list;
}

int cores_of_this_process() { return static_cast<int>(own_cores().size()); }

}  // namespace forerun
