#include "sim/fluid_system.hpp"

#include <cassert>

namespace forerun {

CapacityId FluidSystem::add(double amount) {
  assert(amount > 0);
  capacities_.push_back({.amount = amount});
  return CapacityId{static_cast<std::uint32_t>(capacities_.size() - 1)};
}

FlowId FluidSystem::start(std::span<const Demand> demands, double cap, std::uint32_t count) {
  assert(cap > 0 && count > 0 && (cap < no_cap || !demands.empty()));
  if (unused_.empty()) {
    unused_.push_back(static_cast<std::uint32_t>(flows_.size()));
    flows_.emplace_back();
  }
  const std::uint32_t id = unused_.back();
  unused_.pop_back();
  Flow& flow = flows_[id];
  assert(!flow.running && flow.links.empty());
  flow.rate = 0;
  flow.cap = cap;
  flow.holder = nobody;
  flow.running = true;
  for (const Demand& demand : demands) {
    assert(demand.share > 0);
    const auto capacity = static_cast<std::uint32_t>(index(demand.capacity));
    std::vector<Use>& uses = capacities_[capacity].uses;
    const double weight = demand.share * count;
    uses.push_back({.flow = id, .place = static_cast<std::uint32_t>(flow.links.size()), .weight = weight});
    flow.links.push_back(
        {.capacity = capacity, .place = static_cast<std::uint32_t>(uses.size() - 1), .weight = weight});
  }
  open(id);
  return FlowId{id};
}

void FluidSystem::stop(FlowId id) {
  Flow& flow = flows_[index(id)];
  assert(flow.running);
  if (!flow.open) let_go(flow);
  for (const Link& link : flow.links) unlink(link);
  flow.links.clear();
  flow.open = flow.running = false;
  unused_.push_back(static_cast<std::uint32_t>(index(id)));
}

void FluidSystem::unlink(const Link& link) {
  Capacity& capacity = capacities_[link.capacity];
  const Use last = capacity.uses.back();
  capacity.uses[link.place] = last;
  flows_[last.flow].links[last.place].place = link.place;
  capacity.uses.pop_back();
  --capacity.open;
  capacity.rising.subtract(link.weight);
  if (capacity.held + capacity.open == 0) capacity.rising.clear();
  if (capacity.uses.empty()) capacity.taken.clear();
}

std::span<const FlowId> FluidSystem::changed() {
  changed_.clear();
  if (!touched_.empty() || !queue_.empty()) solve();
  return changed_;
}

double FluidSystem::rate(FlowId id) const {
  assert(flows_[index(id)].running && !flows_[index(id)].open);
  return flows_[index(id)].rate;
}

}  // namespace forerun
