#include "sim/fluid_transfer.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "sim/event_queue.hpp"

namespace forerun {
namespace {

// Starts and ends of one instant are taken together, and rates are found after them: nothing moves in between.
class Run {
 public:
  Run(std::span<const double> capacities, std::span<const Transfer> transfers)
      : transfers_(transfers),
        progress_(transfers.size()),
        transfer_of_(transfers.size()),
        finish_(transfers.size(), never) {
    for (const double amount : capacities) fluid_.add(amount);
    events_.reserve(transfers.size());
    for (std::uint32_t t = 0; t < transfers.size(); ++t) schedule(TaskId{t}, transfers[t].start);
  }

  std::vector<Tick> finish_times() {
    while (!events_.empty() || unsettled_) step();
    return std::move(finish_);
  }

 private:
  struct Progress {
    Tick since = 0;  // `left` and `rate` are those of this time
    double left = 0, rate = 0;
    std::uint32_t event = 0;  // its order
    FlowId flow{};
    bool started = false;
  };

  void schedule(TaskId task, Tick at) { progress_[index(task)].event = events_.push(at, task); }

  void step() {
    if (unsettled_ && (events_.empty() || events_.top().at > now_)) {
      settle();
      return;
    }
    const Event event = events_.top();
    events_.pop();
    now_ = event.at;
    if (event.order == progress_[index(event.task)].event) happen(event.task);  // else stale
  }

  void happen(TaskId task) {
    unsettled_ = true;
    Progress& progress = progress_[index(task)];
    if (progress.started) {
      finish_[index(task)] = now_;
      fluid_.stop(progress.flow);
      return;
    }
    const Transfer& transfer = transfers_[index(task)];
    assert(transfer.size > 0);
    progress.started = true;
    progress.left = transfer.size;
    progress.flow = fluid_.start(transfer.path, transfer.cap);
    transfer_of_[index(progress.flow)] = task;
  }

  void settle() {
    unsettled_ = false;
    for (const FlowId flow : fluid_.changed()) {
      const TaskId task = transfer_of_[index(flow)];
      Progress& progress = progress_[index(task)];
      progress.left = std::max(0.0, progress.left - to_seconds(now_ - progress.since).value() * progress.rate);
      progress.since = now_;
      progress.rate = fluid_.rate(flow);
      schedule(task, later(now_, to_ticks(Seconds{progress.left / progress.rate})));
    }
  }

  std::span<const Transfer> transfers_;
  FluidSystem fluid_;
  EventQueue events_;
  Tick now_ = 0;
  bool unsettled_ = false;            // flows have started or stopped now
  std::vector<Progress> progress_;    // by transfer, which is the queue's task
  std::vector<TaskId> transfer_of_;  // by flow
  std::vector<Tick> finish_;
};

}  // namespace

std::vector<Tick> finish_times(std::span<const double> capacities, std::span<const Transfer> transfers) {
  return Run(capacities, transfers).finish_times();
}

}  // namespace forerun
