// Why did a run take as long as it did, and how short could it be?
#pragma once

#include <span>
#include <vector>

#include "sim/task_graph.hpp"
#include "sim/timeline.hpp"

namespace forerun {

// From the first task to the one that finished last: each started the moment the one before it finished, because it
// waited for it, by dependency or on a stream. Of several such, the one with the smallest id. Empty when nothing
// finished.
std::vector<TaskId> critical_path(const TaskGraph&, const Timeline&);

// The longest sum of work along dependencies and streams: no run is shorter, whatever it shares. Tasks that can never
// run count nothing.
Tick longest_path(const TaskGraph&);
Tick longest_path(const TaskGraph&, std::span<const Tick> work);  // with other work, by task

}  // namespace forerun
