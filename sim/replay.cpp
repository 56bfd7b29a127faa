#include "sim/replay.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <span>

#include "sim/event_queue.hpp"
#include "sim/shared_work.hpp"

namespace forerun {
namespace {

constexpr std::uint32_t no_event = std::numeric_limits<std::uint32_t>::max();

class Run {
 public:
  Run(const TaskGraph& graph, std::span<const Tick> work, const std::optional<Failure>& failure)
      : graph_(graph),
        work_(work),
        failure_(failure ? &*failure : nullptr),
        waits_for_(graph.waits_for),
        event_(graph.size(), no_event),
        shared_(graph) {
    timeline_.start.assign(graph.size(), never);
    timeline_.finish.assign(graph.size(), never);
    if (failure_ != nullptr) mark_failing();
  }

  Timeline timeline() {
    start_first();
    while (!events_.empty() || shared_.unsettled()) step();
    for (std::uint32_t t = 0; t < graph_.size(); ++t) {
      if (timeline_.finish[t] == never) timeline_.blocked.push_back(TaskId{t});
    }
    timeline_.complete = timeline_.blocked.empty();
    return std::move(timeline_);
  }

 private:
  void mark_failing() {
    std::vector<bool> fails(graph_.streams, false);
    for (const StreamId stream : failure_->streams) fails[index(stream)] = true;
    failing_.assign(graph_.size(), false);
    for (std::uint32_t t = 0; t < graph_.size(); ++t) {
      failing_[t] = std::ranges::any_of(graph_.streams_of(TaskId{t}), [&](StreamId s) { return fails[index(s)]; });
    }
  }

  void start_first() {
    for (std::uint32_t t = 0; t < graph_.size(); ++t) {
      if (graph_.waits_for[t] == 0) start(TaskId{t});
    }
  }

  void step() {
    if (shared_.unsettled() && (events_.empty() || events_.top().at > now_)) {
      shared_.settle(now_, [&](TaskId task, Tick at) { schedule(task, at); });
      return;
    }
    const Event event = events_.top();
    if (failure_ != nullptr && !failed_ && event.at > failure_->at) {
      fail();
      return;
    }
    events_.pop();
    now_ = event.at;
    if (event.order == event_[index(event.task)]) finish(event.task);  // else stale
  }

  void schedule(TaskId task, Tick at) {
    assert(at >= now_ && "the clock ran over");
    event_[index(task)] = events_.push(at, task);
  }

  void start(TaskId task) {
    if (failure_ != nullptr && failing_[index(task)] && now_ >= failure_->at) return;
    timeline_.start[index(task)] = now_;
    const Tick work = work_[index(task)];
    if (shares(task)) {
      shared_.start(task, work);
    } else {
      schedule(task, later(now_, work));
    }
  }

  void finish(TaskId task) {
    event_[index(task)] = no_event;
    timeline_.finish[index(task)] = timeline_.makespan = now_;
    if (shares(task)) shared_.stop(task);
    for (const TaskId next : graph_.next_of(task)) {
      if (--waits_for_[index(next)] == 0) start(next);
    }
  }

  // All that ends at the time of the failure has ended.
  void fail() {
    failed_ = true;
    now_ = failure_->at;
    for (std::uint32_t t = 0; t < graph_.size(); ++t) {
      if (event_[t] == no_event || !failing_[t]) continue;
      event_[t] = no_event;
      if (shares(TaskId{t})) shared_.stop(TaskId{t});
    }
  }

  bool shares(TaskId task) const { return work_[index(task)] > 0 && !graph_.demands_of(task).empty(); }

  const TaskGraph& graph_;
  std::span<const Tick> work_;
  const Failure* failure_;
  bool failed_ = false;
  Tick now_ = 0;
  EventQueue events_;
  std::vector<std::uint32_t> waits_for_;  // what is left of it
  std::vector<std::uint32_t> event_;      // of each running task, the order of the event at which it ends
  std::vector<bool> failing_;             // on a stream that fails
  SharedWork shared_;
  Timeline timeline_;
};

bool changes_work(const Disturbance& disturbance) { return disturbance.jitter != 0 || !disturbance.slow.empty(); }

}  // namespace

Timeline replay(const TaskGraph& graph, const Disturbance& disturbance) {
  if (!changes_work(disturbance)) return Run(graph, graph.work, disturbance.failure).timeline();
  const std::vector<Tick> work = disturbed_work(graph, disturbance);
  return Run(graph, work, disturbance.failure).timeline();
}

}  // namespace forerun
