#include "sim/shared_work.hpp"

#include <algorithm>
#include <cassert>

namespace forerun {

SharedWork::SharedWork(const TaskGraph& graph) : graph_(graph), flow_of_(graph.demand.empty() ? 0 : graph.size()) {
  for (const double amount : graph.capacity) fluid_.add(amount);
}

void SharedWork::start(TaskId task, Tick work) {
  const FlowId flow = fluid_.start(graph_.demands_of(task));
  flow_of_[index(task)] = flow;
  if (index(flow) >= jobs_.size()) jobs_.resize(index(flow) + 1);
  jobs_[index(flow)] = {.task = task, .left = static_cast<double>(work)};
  unsettled_ = true;
}

void SharedWork::stop(TaskId task) {
  const FlowId flow = flow_of_[index(task)];
  assert(jobs_[index(flow)].task == task);
  fluid_.stop(flow);
  unsettled_ = true;
}

void SharedWork::progress(Job& job, Tick now, double new_rate) {
  assert(new_rate > 0 && "capacities and shares are positive, so that everybody gets something");
  job.left = std::max(0.0, job.left - static_cast<double>(now - job.since) * job.rate);
  job.since = now;
  job.rate = new_rate;
}

}  // namespace forerun
