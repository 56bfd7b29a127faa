// Does a graph end? Whether it does depends on its order alone, not on any time.
#pragma once

#include <optional>
#include <vector>

#include "sim/task_graph.hpp"

namespace forerun {

// The tasks that can never run, because they wait in a circle or for such a circle, in ascending order; nothing when
// all run.
std::optional<std::vector<TaskId>> stuck_tasks(const TaskGraph&);

}  // namespace forerun
