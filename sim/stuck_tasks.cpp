#include "sim/stuck_tasks.hpp"

#include "sim/task_order.hpp"

namespace forerun {

std::optional<std::vector<TaskId>> stuck_tasks(const TaskGraph& graph) {
  std::vector<bool> ran(graph.size(), false);
  if (for_each_in_order(graph, [&](TaskId task) { ran[index(task)] = true; }) == graph.size()) return std::nullopt;
  std::vector<TaskId> stuck;
  for (std::uint32_t t = 0; t < graph.size(); ++t) {
    if (!ran[t]) stuck.push_back(TaskId{t});
  }
  return stuck;
}

}  // namespace forerun
