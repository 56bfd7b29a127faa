#include "strategies/closed_form/replica_prices.hpp"

#include "strategies/plan/rank_grid.hpp"

namespace forerun {

ReplicaPrices::ReplicaPrices(const ClosedFormContext& context, ExchangeTable& exchanges, const Plan& plan)
    : exchanges_(exchanges),
      parameter_(size_of(activation_dtype(context.scenario.given.job))),
      gradient_(context.state.reduction),
      zero_(zero_in_step(plan)) {
  const RankGrid grid(plan);
  groups_[0] = {grid.axis(GroupKind::shard), grid.axis(GroupKind::replica)};
  if (context.has_experts) groups_[1] = {grid.axis(GroupKind::expert_shard), grid.axis(GroupKind::expert_replica)};
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

void ReplicaPrices::add(Flow flow, std::int64_t elements, Bytes element, Axis axis, Price& price) {
  if (axis.count == 1) return;
  const Timing& t = exchanges_({kind_of(flow), static_cast<double>(elements) * element}, axis);
  price.time += t.median, price.error += t.median * t.spread;
}

const ReplicaPrices::Price& ReplicaPrices::gather(std::int64_t elements, std::size_t experts) {
  return recent(gathers_[experts], elements,
                [&](Price& price) { add(Flow::dp_all_gather, elements, parameter_, groups_[experts].shard, price); });
}

const ReplicaPrices::Price& ReplicaPrices::reduce(std::int64_t elements, std::size_t experts) {
  return recent(reduces_[experts], elements, [&](Price& price) {
    const Group& g = groups_[experts];
    add(first_of_reduce(), elements, gradient_, g.shard, price);
    add(Flow::dp_all_reduce, shard_sizes(elements, g.shard.count).largest, gradient_, g.replica, price);
  });
}

void ReplicaPrices::count_gather(std::int64_t elements, std::size_t experts, double times, ReplicaVolume& volume) {
  if (elements == 0) return;
  const Price& price = gather(elements, experts);
  volume.communication += times * price.time, volume.error += times * price.error;
  volume.traffic.add(Flow::dp_all_gather, elements, parameter_, groups_[experts].shard.count, times);
}

void ReplicaPrices::count_reduce(std::int64_t elements, std::size_t experts, double times, ReplicaVolume& volume) {
  if (elements == 0) return;
  const Group& g = groups_[experts];
  const Price& price = reduce(elements, experts);
  volume.communication += times * price.time, volume.error += times * price.error;
  volume.traffic.add(first_of_reduce(), elements, gradient_, g.shard.count, times);
  volume.traffic.add(Flow::dp_all_reduce, shard_sizes(elements, g.shard.count).largest, gradient_, g.replica.count,
                     times);
}

void ReplicaPrices::count_gather(const ReplicaElements& e, double times, ReplicaVolume& volume) {
  count_gather(e.dense, 0, times, volume), count_gather(e.expert, 1, times, volume),
      count_gather(e.table, 0, times, volume);
}

void ReplicaPrices::count_reduce(const ReplicaElements& e, double times, ReplicaVolume& volume) {
  count_reduce(e.dense, 0, times, volume), count_reduce(e.expert, 1, times, volume),
      count_reduce(e.table, 0, times, volume);
}

}  // namespace forerun
