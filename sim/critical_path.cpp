#include "sim/critical_path.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

#include "sim/task_order.hpp"

namespace forerun {
namespace {

constexpr TaskId nobody{std::numeric_limits<std::uint32_t>::max()};

// For each task the first of those that released it.
std::vector<TaskId> releasers(const TaskGraph& graph, const Timeline& timeline) {
  std::vector<TaskId> releaser(graph.size(), nobody);
  for (std::uint32_t t = 0; t < graph.size(); ++t) {
    if (timeline.finish[t] == never) continue;
    for (const TaskId next : graph.next_of(TaskId{t})) {
      TaskId& known = releaser[index(next)];
      if (known == nobody && timeline.start[index(next)] == timeline.finish[t]) known = TaskId{t};
    }
  }
  return releaser;
}

TaskId last_finisher(const Timeline& timeline) {
  TaskId last = nobody;
  for (std::uint32_t t = 0; t < timeline.finish.size(); ++t) {
    if (timeline.finish[t] == never) continue;
    if (last == nobody || timeline.finish[t] > timeline.finish[index(last)]) last = TaskId{t};
  }
  return last;
}

}  // namespace

std::vector<TaskId> critical_path(const TaskGraph& graph, const Timeline& timeline) {
  assert(timeline.finish.size() == graph.size());
  const std::vector<TaskId> releaser = releasers(graph, timeline);
  std::vector<TaskId> path;
  for (TaskId task = last_finisher(timeline); task != nobody; task = releaser[index(task)]) path.push_back(task);
  std::ranges::reverse(path);
  return path;
}

Tick longest_path(const TaskGraph& graph) { return longest_path(graph, graph.work); }

Tick longest_path(const TaskGraph& graph, std::span<const Tick> work) {
  assert(work.size() == graph.size());
  std::vector<Tick> start(graph.size(), 0);
  Tick longest = 0;
  for_each_in_order(graph, [&](TaskId task) {
    const Tick finish = start[index(task)] + work[index(task)];
    longest = std::max(longest, finish);
    for (const TaskId next : graph.next_of(task)) start[index(next)] = std::max(start[index(next)], finish);
  });
  return longest;
}

}  // namespace forerun
