// Tasks with work, the streams that they need, what they wait for, and what they take of shared capacities.
//
// A stream is first in, first out: a task starts when it heads all of its streams and all that it depends on is done.
// Since it heads a stream when the one before it there has ended, that order is kept as one more dependency, and a task
// only counts what it waits for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "sim/demand.hpp"
#include "sim/ids.hpp"
#include "sim/tick.hpp"

namespace forerun {

// A column per property; several values of a task are compressed rows: next of t: next[first_next[t] .. first_next[t +
// 1]).
struct TaskGraph {
  std::vector<Tick> work;  // picoseconds at full rate
  std::vector<std::uint32_t> waits_for, first_next, first_stream, first_demand;
  std::vector<TaskId> next;  // those that wait for it, by dependency or on a stream
  std::vector<StreamId> stream;
  std::vector<Demand> demand;
  std::vector<double> capacity;  // amounts, by CapacityId
  std::uint32_t streams = 0;

  [[nodiscard]] std::size_t size() const { return work.size(); }
  [[nodiscard]] std::span<const TaskId> next_of(TaskId t) const { return row(next, first_next, t); }
  [[nodiscard]] std::span<const StreamId> streams_of(TaskId t) const { return row(stream, first_stream, t); }
  [[nodiscard]] std::span<const Demand> demands_of(TaskId t) const { return row(demand, first_demand, t); }

 private:
  template <class T>
  static std::span<const T> row(const std::vector<T>& values, const std::vector<std::uint32_t>& first, TaskId t) {
    return {values.data() + first[index(t)], values.data() + first[index(t) + 1]};
  }
};

// How many of each are coming, where that is known: saves copies, changes nothing else.
struct TaskGraphSize {
  std::size_t tasks = 0, enqueued = 0, dependencies = 0, demands = 0;
};

class TaskGraphBuilder {
 public:
  void reserve(const TaskGraphSize&);

  StreamId add_stream();
  CapacityId add_capacity(double amount);  // positive
  TaskId add_task(Tick work);              // on no stream: a pure delay

  // Puts the task at the end of the stream. A task may be on several streams.
  void enqueue(TaskId, StreamId);
  // `after` starts when `before` is done. Nothing stops a circle: see stuck_tasks.
  void depend(TaskId before, TaskId after);
  // The share is used while the task runs at full rate. Demands of a task on one capacity add up.
  void demand(TaskId, CapacityId, double share);

  // The graph; the builder is as new afterwards.
  TaskGraph build();

 private:
  template <class T>
  using Pairs = std::vector<std::pair<TaskId, T>>;

  std::vector<Tick> work_;
  std::vector<double> capacity_;
  std::vector<TaskId> last_;  // of each stream
  Pairs<TaskId> dependencies_;
  Pairs<StreamId> streams_;
  Pairs<Demand> demands_;
};

}  // namespace forerun
