// Tasks in progress whose rates depend on each other: how much of each is left, and when it will be done at its present
// rate.
//
// Rates change whenever one starts or stops; all changes of one instant are taken together, since no work is done in
// between.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/fluid_system.hpp"
#include "sim/task_graph.hpp"

namespace forerun {

class SharedWork {
 public:
  explicit SharedWork(const TaskGraph&);

  void start(TaskId, Tick work);  // with its demands in the graph
  void stop(TaskId);  // finished or not

  // Whether any has started or stopped since the last settle().
  [[nodiscard]] bool unsettled() const { return unsettled_; }

  // Calls finishes(task, at) for each task that is new or whose rate has changed, in a deterministic order. Work that
  // has always run at full rate takes exactly its ticks (up to 2^53 of them, 2.5 hours); each change of a rate rounds
  // by half a tick at most; what lies that close to a half goes down, so that the last bit of a rate does not decide.
  template <class Finishes>
  void settle(Tick now, Finishes&& finishes) {
    unsettled_ = false;
    for (const FlowId flow : fluid_.changed()) {
      Job& job = jobs_[index(flow)];
      progress(job, now, fluid_.rate(flow));
      const double ticks = std::ceil(job.left / job.rate - 0.5 - 1e-4);
      finishes(job.task, ticks < static_cast<double>(clock_end) ? later(now, static_cast<Tick>(ticks)) : clock_end);
    }
  }

 private:
  struct Job {
    TaskId task{};
    Tick since = 0;  // `left` and `rate` are those of this time
    double left = 0;  // ticks at full rate
    double rate = 0;  // 0: not settled yet
  };

  static void progress(Job&, Tick now, double new_rate);

  const TaskGraph& graph_;
  FluidSystem fluid_;
  std::vector<Job> jobs_;  // by flow
  std::vector<FlowId> flow_of_;  // by task; of those without demands unused
  bool unsettled_ = false;
};

}  // namespace forerun
