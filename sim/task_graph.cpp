#include "sim/task_graph.hpp"

#include <cassert>
#include <limits>

namespace forerun {
namespace {

constexpr TaskId nobody{std::numeric_limits<std::uint32_t>::max()};

// Sorts (task, value) by task, values of one task as they came, into rows[first[task] .. first[task + 1]).
template <class T>
void compress(const std::vector<std::pair<TaskId, T>>& pairs, std::size_t tasks, std::vector<std::uint32_t>& first,
              std::vector<T>& rows) {
  assert(pairs.size() < std::numeric_limits<std::uint32_t>::max() && "rows are counted with 32 bits");
  first.assign(tasks + 1, 0);
  for (const auto& [task, value] : pairs) {
    assert(index(task) < tasks && "a task that was never added");
    ++first[index(task) + 1];
  }
  for (std::size_t t = 0; t < tasks; ++t) first[t + 1] += first[t];
  rows.resize(pairs.size());
  for (const auto& [task, value] : pairs) rows[first[index(task)]++] = value;
  for (std::size_t t = tasks; t > 0; --t) first[t] = first[t - 1];  // each had moved on to the start of the next
  first[0] = 0;
}

}  // namespace

void TaskGraphBuilder::reserve(const TaskGraphSize& size) {
  work_.reserve(size.tasks);
  streams_.reserve(size.enqueued);
  dependencies_.reserve(size.dependencies + size.enqueued);
  demands_.reserve(size.demands);
}

StreamId TaskGraphBuilder::add_stream() {
  last_.push_back(nobody);
  return StreamId{static_cast<std::uint32_t>(last_.size() - 1)};
}

CapacityId TaskGraphBuilder::add_capacity(double amount) {
  assert(amount > 0);
  capacity_.push_back(amount);
  return CapacityId{static_cast<std::uint32_t>(capacity_.size() - 1)};
}

TaskId TaskGraphBuilder::add_task(Tick work) {
  assert(work_.size() < index(nobody));
  work_.push_back(work);
  return TaskId{static_cast<std::uint32_t>(work_.size() - 1)};
}

void TaskGraphBuilder::enqueue(TaskId task, StreamId stream) {
  TaskId& last = last_[index(stream)];
  streams_.emplace_back(task, stream);
  if (last != nobody) depend(last, task);
  last = task;
}

void TaskGraphBuilder::depend(TaskId before, TaskId after) {
  assert(before != after && "a task that waits for itself");
  const std::pair dependency(before, after);
  if (dependencies_.empty() || dependencies_.back() != dependency)
    dependencies_.push_back(dependency);  // collectives share many streams
}

void TaskGraphBuilder::demand(TaskId task, CapacityId capacity, double share) {
  assert(index(capacity) < capacity_.size() && share > 0);
  demands_.emplace_back(task, Demand{.capacity = capacity, .share = share});
}

TaskGraph TaskGraphBuilder::build() {
  TaskGraph graph;
  graph.work = std::move(work_);
  graph.capacity = std::move(capacity_);
  graph.streams = static_cast<std::uint32_t>(last_.size());
  compress(dependencies_, graph.size(), graph.first_next, graph.next);
  compress(streams_, graph.size(), graph.first_stream, graph.stream);
  compress(demands_, graph.size(), graph.first_demand, graph.demand);
  graph.waits_for.assign(graph.size(), 0);
  for (const TaskId task : graph.next) {
    assert(index(task) < graph.size() && "a task that was never added");
    ++graph.waits_for[index(task)];
  }
  *this = {};
  return graph;
}

}  // namespace forerun
