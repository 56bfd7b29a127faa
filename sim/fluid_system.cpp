#include "sim/fluid_system.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace forerun {
namespace {

// Levels and rates closer than this are the same: changes do not spread by rounding, and shares that fill a capacity to rounding fit.
constexpr double rounding = 1e-13;

constexpr auto later = [](const auto& a, const auto& b) { return a.key > b.key; };

bool same(double a, double b) { return std::abs(a - b) <= rounding * b; }

}  // namespace

CapacityId FluidSystem::add(double amount) {
  assert(amount > 0);
  capacities_.push_back({.amount = amount});
  return CapacityId{static_cast<std::uint32_t>(capacities_.size() - 1)};
}

FlowId FluidSystem::start(std::span<const Demand> demands, double cap, std::uint32_t count) {
  assert(cap > 0 && count > 0 && (cap < no_cap || !demands.empty()));
  changed_.clear();
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
    flow.links.push_back({.capacity = capacity, .place = static_cast<std::uint32_t>(uses.size() - 1), .weight = weight});
  }
  open(id);
  return FlowId{id};
}

void FluidSystem::stop(FlowId id) {
  changed_.clear();
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
  if (!touched_.empty() || !queue_.empty()) solve();
  return changed_;
}

double FluidSystem::rate(FlowId id) const {
  assert(flows_[index(id)].running && !flows_[index(id)].open);
  return flows_[index(id)].rate;
}

// Where the capacity is full if those that it holds and those that are open rise, and nobody else moves: never above the true level.
double FluidSystem::full_at(const Capacity& capacity) {
  const double left = capacity.taken.left_of(capacity.amount);
  if (capacity.held + capacity.open > 0) return std::max(0.0, left) / capacity.rising.value();
  return left < -4 * rounding * capacity.amount ? 0 : never_full;  // those at rest take too much, or all that there is
}

// The same if those that take more than the level come down to it. `full` is full_at; each round finds fewer of them, mostly in two.
double FluidSystem::full_with_pressed_at(std::uint32_t id, double full) const {
  const Capacity& capacity = capacities_[id];
  const double left = capacity.taken.left_of(capacity.amount), rising = capacity.rising.value();
  for (std::uint32_t before = nobody;;) {
    double given_back = 0, weight = 0;
    std::uint32_t pressed = 0;
    for (const Use& use : capacity.uses) {
      const Flow& flow = flows_[use.flow];
      if (flow.open || flow.holder == id || flow.rate <= full) continue;
      given_back += use.weight * flow.rate;
      weight += use.weight;
      ++pressed;
    }
    if (pressed == 0 || pressed == before) return full;
    before = pressed;
    full = std::max(full, (left + given_back) / (rising + weight));
  }
}

// When the capacity must be looked at: where it would be full, or where it was, should that be before.
double FluidSystem::due(const Capacity& capacity) {
  return capacity.held > 0 ? std::min(full_at(capacity), capacity.level) : full_at(capacity);
}

void FluidSystem::touch(std::uint32_t id) {
  if (capacities_[id].touched) return;
  capacities_[id].touched = true;
  touched_.push_back(id);
}

void FluidSystem::queue_touched() {
  for (const std::uint32_t id : touched_) {
    capacities_[id].touched = false;
    queue(id, due(capacities_[id]));
  }
  touched_.clear();
}

// A little late, so that caps come first. What has been put off since stays in the queue too early, and is found to be so when it is its turn.
void FluidSystem::queue(std::uint32_t id, double due) {
  Capacity& capacity = capacities_[id];
  const double key = due * (1 + rounding);
  if (key >= capacity.key) return;
  capacity.key = key;
  push({.key = key, .id = id, .is_flow = false});
}

void FluidSystem::push(Entry entry) {
  queue_.push_back(entry);
  std::ranges::push_heap(queue_, later);
}

FluidSystem::Entry FluidSystem::pop() {
  std::ranges::pop_heap(queue_, later);
  const Entry entry = queue_.back();
  queue_.pop_back();
  return entry;
}

void FluidSystem::solve() {
  ++pass_;
  for (queue_touched(); !queue_.empty(); queue_touched()) {
    const Entry entry = pop();
    if (entry.is_flow) {
      if (flows_[entry.id].open && flows_[entry.id].cap == entry.key) close(entry.id, entry.key, nobody);
    } else if (capacities_[entry.id].key == entry.key) {
      capacities_[entry.id].key = never_full;
      visit(entry.id, entry.key);
    }
  }
}

void FluidSystem::visit(std::uint32_t id, double key) {
  const Capacity& capacity = capacities_[id];
  if (const double now_due = due(capacity); now_due * (1 + rounding) > key) {
    queue(id, now_due);
    return;
  }
  const bool holds = capacity.held > 0;
  double full = full_at(capacity);
  if (!holds || full < capacity.level) full = full_with_pressed_at(id, full);
  const double now_due = holds ? std::min(full, capacity.level) : full;
  if (now_due * (1 + rounding) > key) {
    queue(id, now_due);
  } else if (holds && same(full, capacity.level)) {
    hold_open_flows(id, capacity.level);
  } else {
    open_disturbed(id, key);
    if (full > now_due) {
      touch(id);
    } else {
      hold_open_flows(id, full);
    }
  }
}

// Opens those that the capacity held at a level that is no longer right, and those that take more than their part.
void FluidSystem::open_disturbed(std::uint32_t id, double key) {
  for (const Use& use : capacities_[id].uses) {
    const Flow& flow = flows_[use.flow];
    if (flow.open || flow.pass == pass_ || (flow.holder != id && flow.rate <= key)) continue;
    open(use.flow);
  }
}

void FluidSystem::hold_open_flows(std::uint32_t id, double level) {
  Capacity& capacity = capacities_[id];
  capacity.level = level;
  for (std::size_t i = 0; capacity.open > 0; ++i) {
    const std::uint32_t flow = capacity.uses[i].flow;
    if (flows_[flow].open) close(flow, level, id);
  }
}

void FluidSystem::open(std::uint32_t id) {
  Flow& flow = flows_[id];
  let_go(flow);
  flow.open = true;
  if (flow.cap < no_cap) push({.key = flow.cap, .id = id, .is_flow = true});
}

// Takes the flow's rate back from its capacities, which are to be looked at.
void FluidSystem::let_go(const Flow& flow) {
  for (const Link& link : flow.links) {
    Capacity& capacity = capacities_[link.capacity];
    if (flow.holder == link.capacity) {
      --capacity.held;
    } else {
      if (flow.rate > 0) capacity.taken.subtract(link.weight * flow.rate);
      capacity.rising.add(link.weight);
    }
    ++capacity.open;
    touch(link.capacity);
  }
}

void FluidSystem::close(std::uint32_t id, double rate, std::uint32_t holder) {
  Flow& flow = flows_[id];
  if (!same(rate, flow.rate)) {
    flow.rate = rate;
    changed_.push_back(FlowId{id});
  }
  flow.open = false;
  flow.pass = pass_;
  flow.holder = holder;
  for (const Link& link : flow.links) {
    Capacity& capacity = capacities_[link.capacity];
    --capacity.open;
    if (holder == link.capacity) {
      ++capacity.held;
      continue;
    }
    capacity.taken.add(link.weight * flow.rate);
    capacity.rising.subtract(link.weight);
    if (capacity.held + capacity.open == 0) capacity.rising.clear();
  }
}

}  // namespace forerun
