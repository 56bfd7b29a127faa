// The cores that this process may run on.
#pragma once

#include <vector>

namespace forerun {

// Their numbers, rising: as its affinity says (taskset, a container's cpuset). Where the system does not say, all of
// the machine's.
std::vector<int> own_cores();
int cores_of_this_process();  // at least 1

}  // namespace forerun
