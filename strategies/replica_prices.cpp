#include "strategies/replica_prices.hpp"

#include "sim/tick.hpp"
#include "strategies/work_price.hpp"

namespace forerun {

ReplicaPrices::ReplicaPrices(const ClosedFormContext& context, PlacementTable& placements, const Plan& plan)
    : collectives_(*context.scenario.collectives), parameter_(size_of(activation_dtype(context.scenario.given.job))), gradient_(context.state.reduction), zero_(plan.zero) {
  const auto group = [&](GroupKind shard, GroupKind replica) {
    const Axis inner = axis_of(shard, plan), outer = axis_of(replica, plan);
    Group g{.size = inner.count, .replicas = outer.count};
    if (g.size > 1) g.shard = &placements(inner);
    if (g.replicas > 1) g.replica = &placements(outer);
    return g;
  };
  groups_[0] = group(GroupKind::shard, GroupKind::replica);
  if (context.has_experts) groups_[1] = group(GroupKind::expert_shard, GroupKind::expert_replica);
}

template <class Compute>
const ReplicaPrices::Price& ReplicaPrices::recent(Recent& list, std::int64_t elements, Compute compute) {
  for (const Price& price : list.prices) {
    if (price.elements == elements) return price;
  }
  Price& price = list.prices[list.next];
  list.next = (list.next + 1) % list.prices.size();
  price = {.elements = elements, .time = {}, .error = {}};
  if (elements > 0) compute(price);
  return price;
}

void ReplicaPrices::add(Flow flow, double elements, Bytes element, const Placement& where, Price& price) const {
  const Timing t = collectives_.time({kind_of(flow), elements * element}, where);
  const Seconds time = to_seconds(to_ticks(t.median));
  price.time += time, price.error += time * t.spread;
}

const ReplicaPrices::Price& ReplicaPrices::gather(std::int64_t elements, std::size_t experts) {
  return recent(gathers_[experts], elements, [&](Price& price) {
    const Group& g = groups_[experts];
    if (g.size > 1) add(Flow::dp_all_gather, static_cast<double>(elements), parameter_, *g.shard, price);
  });
}

const ReplicaPrices::Price& ReplicaPrices::reduce(std::int64_t elements, std::size_t experts) {
  return recent(reduces_[experts], elements, [&](Price& price) {
    const Group& g = groups_[experts];
    if (g.size > 1) add(first_of_reduce(), static_cast<double>(elements), gradient_, *g.shard, price);
    if (g.replicas > 1) add(Flow::dp_all_reduce, static_cast<double>(shard_sizes(elements, g.size).largest), gradient_, *g.replica, price);
  });
}

void ReplicaPrices::count_gather(const ReplicaElements& e, double times, ReplicaVolume& volume) {
  for (std::size_t experts = 0; experts < 2; ++experts) {
    const std::int64_t elements = experts == 1 ? e.expert : e.dense;
    if (elements == 0) continue;
    const Price& price = gather(elements, experts);
    volume.communication += times * price.time, volume.error += times * price.error;
    volume.traffic.add(Flow::dp_all_gather, elements, parameter_, groups_[experts].size, times);
  }
}

void ReplicaPrices::count_reduce(const ReplicaElements& e, double times, ReplicaVolume& volume) {
  for (std::size_t experts = 0; experts < 2; ++experts) {
    const std::int64_t elements = experts == 1 ? e.expert : e.dense;
    if (elements == 0) continue;
    const Group& g = groups_[experts];
    const Price& price = reduce(elements, experts);
    volume.communication += times * price.time, volume.error += times * price.error;
    volume.traffic.add(first_of_reduce(), elements, gradient_, g.size, times);
    if (g.replicas > 1) volume.traffic.add(Flow::dp_all_reduce, shard_sizes(elements, g.size).largest, gradient_, g.replicas, times);
  }
}

}  // namespace forerun
