// Every task after all that it waits for (Kahn, 1962): what a run does, without its times.
#pragma once

#include <cstddef>
#include <vector>

#include "sim/task_graph.hpp"

namespace forerun {

// Calls visit(task) in such an order, a deterministic one. Those that can never run are left out. Returns how many were
// visited.
template <class Visit>
std::size_t for_each_in_order(const TaskGraph& graph, Visit&& visit) {
  std::vector<std::uint32_t> waits_for = graph.waits_for;
  std::vector<TaskId> ready;
  for (std::uint32_t t = 0; t < graph.size(); ++t) {
    if (waits_for[t] == 0) ready.push_back(TaskId{t});
  }
  std::size_t visited = 0;
  for (; !ready.empty(); ++visited) {
    const TaskId task = ready.back();
    ready.pop_back();
    visit(task);
    for (const TaskId next : graph.next_of(task)) {
      if (--waits_for[index(next)] == 0) ready.push_back(next);
    }
  }
  return visited;
}

}  // namespace forerun
