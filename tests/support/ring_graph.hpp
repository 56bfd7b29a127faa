// A collective of a ring as tasks: in each step every rank sends one piece to the next one, over a link of its own.
#pragma once

#include "base/quantity.hpp"
#include "sim/task_graph.hpp"

namespace forerun::test {

// Task s k + r: what rank r sends in step s, in `step` time if it has its link alone.
inline TaskGraph ring(std::uint32_t k, std::uint32_t steps, Seconds step, BytesPerSecond bandwidth) {
  TaskGraphBuilder builder;
  for (std::uint32_t rank = 0; rank < k; ++rank) builder.add_capacity(bandwidth.value());
  for (std::uint32_t task = 0; task < steps * k; ++task) {
    builder.demand(builder.add_task(to_ticks(step)), CapacityId{task % k}, bandwidth.value());
    if (task < k) continue;
    const std::uint32_t rank = task % k, step_before = (task / k - 1) * k;
    builder.depend(TaskId{step_before + rank}, TaskId{task});                // it has sent the step before
    builder.depend(TaskId{step_before + (rank + k - 1) % k}, TaskId{task});  // and received what it sends now
  }
  return builder.build();
}

}  // namespace forerun::test
