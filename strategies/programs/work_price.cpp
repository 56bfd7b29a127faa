#include "strategies/programs/work_price.hpp"

#include <algorithm>

#include "costmodel/collective_model.hpp"
#include "costmodel/kernel_model.hpp"
#include "costmodel/timing.hpp"
#include "sim/tick.hpp"
#include "strategies/plan/boundaries.hpp"
#include "strategies/plan/rank_grid.hpp"
#include "strategies/plan/scenario.hpp"

namespace forerun {
namespace {

ErrorKind error_kind(const Kernel& kernel) {
  if (std::holds_alternative<Gemm>(kernel)) return ErrorKind::gemm;
  if (std::holds_alternative<FusedAttention>(kernel)) return ErrorKind::attention;
  return ErrorKind::streaming;
}

Seconds& of(WorkPrice& price, ErrorKind kind) { return price.error[static_cast<std::size_t>(kind)]; }

// Parts that the host launches in one go.
std::size_t burst(Part part) {
  return part == Part::forward ? 0 : part == Part::recompute ? 1 : part == Part::update ? 3 : 2;
}

class WorkPricer {
 public:
  WorkPricer(const PricedScenario& scenario, const Placements& placements) : s_(scenario), placements_(placements) {}

  WorkPrice operator()(const Computation& c) {
    WorkPrice price;
    for (const Kernel& kernel : c.kernels) {
      const Timing t = s_.kernels->time(kernel);
      price.time += t.median;
      of(price, error_kind(kernel)) += t.median * t.spread;
    }
    device_[burst(c.part)] += price.time;
    launches_[burst(c.part)] += static_cast<double>(c.kernels.size());
    return price;
  }
  WorkPrice operator()(const Communication& c) {
    const Timing t = communication_time(s_, c, placements_);
    WorkPrice price{.time = t.median};
    of(price, ErrorKind::communication) = t.median * t.spread;
    return price;
  }
  WorkPrice operator()(const HostCopy& copy) { return {.time = host_copy_time(s_.given, copy.bytes)}; }
  WorkPrice operator()(const HostUpdate& update) { return {.time = host_update_time(s_.given, update.parameters)}; }
  WorkPrice operator()(const FrameworkFloor&) { return {.time = s_.given.stack.host_per_step}; }

  [[nodiscard]] double stretch(const Work& work) const {
    const Computation* c = std::get_if<Computation>(&work);
    if (c == nullptr) return 1;
    const std::size_t b = burst(c->part);
    const Seconds host = launches_[b] * s_.given.stack.host_per_kernel;
    return host > device_[b] && device_[b] > Seconds{0} ? host / device_[b] : 1;
  }

 private:
  const PricedScenario& s_;
  const Placements& placements_;
  std::array<Seconds, 4> device_{};
  std::array<double, 4> launches_{};
};

}  // namespace

Placements placements_of(const Topology& topology, const Plan& plan) {
  const RankGrid grid(plan);
  Placements list;
  for (std::size_t k = 0; k < group_count; ++k) list[k] = place(topology, {grid.axis(static_cast<GroupKind>(k))});
  return list;
}

WorkPrice price_message_over(const PricedScenario& scenario, const Communication& message, Placements placements,
                             const Boundary& boundary) {
  placements[static_cast<std::size_t>(GroupKind::next_stage)] = placement_of(scenario.topology, boundary);
  return price_works(scenario, {message}, placements).front();
}

Seconds host_copy_time(const Scenario& given, Bytes bytes) {
  const Link& host = node_of(given.cluster).host;
  return bytes / host.bandwidth + host.latency;
}

Seconds host_update_time(const Scenario& given, std::int64_t parameters) {
  const int sharing = std::min(given.gpus, node_of(given.cluster).devices);
  return Seconds{static_cast<double>(parameters) * sharing / given.stack.host_update_rate};
}

void count_traffic(const Communication& c, const Plan& plan, double times, Traffic& traffic) {
  const int size = c.group == GroupKind::next_stage ? 2 : RankGrid(plan).size(c.group);
  traffic.add(c.flow, shard_sizes(c.elements, c.pieces).largest, c.element, size, times);
  if (c.pieces > 1) traffic.add(Flow::tp_all_gather, c.elements, c.element, c.pieces, times);
}

Timing in_turn(const Timing& a, const Timing& b) {
  const Seconds both = a.median + b.median;
  return {both, (a.median * a.spread + b.median * b.spread) / both, std::min(a.evidence, b.evidence)};
}

Timing communication_time(const PricedScenario& scenario, const Communication& c, const Placements& placements) {
  const auto time = [&](CollectiveKind kind, Bytes bytes, GroupKind group) {
    return scenario.collectives->time({kind, bytes}, placements[static_cast<std::size_t>(group)]);
  };
  const Bytes whole = c.load * static_cast<double>(c.elements) * c.element;
  if (c.pieces == 1) return time(kind_of(c.flow), whole, c.group);
  Timing send = time(kind_of(c.flow), whole / c.pieces, c.group),
         gather = time(CollectiveKind::all_gather, whole, GroupKind::tp);
  for (Timing* t : {&send, &gather}) t->median = to_seconds(to_ticks(t->median));
  return in_turn(send, gather);
}

std::vector<WorkPrice> price_works(const PricedScenario& scenario, const std::vector<Work>& works,
                                   const Placements& placements) {
  WorkPricer pricer(scenario, placements);
  std::vector<WorkPrice> prices;
  prices.reserve(works.size());
  for (const Work& work : works) prices.push_back(std::visit(pricer, work));
  for (std::size_t i = 0; i < works.size(); ++i)
    prices[i].time = to_seconds(to_ticks(pricer.stretch(works[i]) * prices[i].time));
  return prices;
}

}  // namespace forerun
