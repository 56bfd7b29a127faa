// Runs a task graph: the times at which each task starts and ends.
#pragma once

#include "sim/disturbance.hpp"
#include "sim/task_graph.hpp"
#include "sim/timeline.hpp"

namespace forerun {

// Every task starts as soon as it may, and runs at full rate unless those that run at the same time demand more than a
// capacity has: then rates are max-min fair (FluidSystem). A pure function: equal input, equal bytes. A graph that can
// never end gives an incomplete timeline.
Timeline replay(const TaskGraph&, const Disturbance& = {});

}  // namespace forerun
