// How FluidSystem finds rates: progressive filling, of what may change only.
#include <algorithm>
#include <cmath>

#include "sim/fluid_system.hpp"

namespace forerun {
namespace {

// Levels and rates closer than this are the same: changes do not spread by rounding, and shares that fill a capacity to
// rounding fit.
constexpr double rounding = 1e-13;

constexpr auto later = [](const auto& a, const auto& b) { return a.key > b.key; };

bool same(double a, double b) { return std::abs(a - b) <= rounding * b; }

}  // namespace

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

// It is the turn of a capacity: nothing below `key` will change any more.
void FluidSystem::visit(std::uint32_t id, double key) {
  const Capacity& capacity = capacities_[id];
  if (put_off(id, due(capacity, full_at(capacity)), key)) return;
  const double full = full_with_pressed_at(id);
  if (put_off(id, due(capacity, full), key)) return;
  if (capacity.held > 0 && same(full, capacity.level)) {
    hold_open_flows(id, capacity.level);
    return;
  }
  const bool rises = capacity.held > 0 && full > capacity.level;
  if (open_disturbed(id, key) && rises) {
    touch(id);
  } else {
    hold_open_flows(id, due(capacity, full));
  }
}

// Whether the capacity is due only after `key`, since some of its flows have stopped elsewhere. It then comes again.
bool FluidSystem::put_off(std::uint32_t id, double due, double key) {
  if (due * (1 + rounding) <= key) return false;
  queue(id, due);
  return true;
}

// Where the capacity is full if those that it holds and those that are open rise, and nobody else moves.
double FluidSystem::full_at(const Capacity& capacity) {
  const double left = capacity.taken.left_of(capacity.amount);
  if (capacity.held + capacity.open > 0) return std::max(0.0, left) / capacity.rising.value();
  return left < -4 * rounding * capacity.amount ? 0 : never_full;  // those at rest take too much, or all that there is
}

// The same if those that take more than the level come down to it. Each round finds fewer of them; mostly there are
// two.
double FluidSystem::full_with_pressed_at(std::uint32_t id) const {
  const Capacity& capacity = capacities_[id];
  double full = full_at(capacity);
  if (capacity.held > 0 && full >= capacity.level) return full;  // nobody takes more than the level
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
double FluidSystem::due(const Capacity& capacity, double full) {
  return capacity.held > 0 ? std::min(full, capacity.level) : full;
}

// Opens those that the capacity held at a level that is no longer right, and those that take more than their part.
// Whether there were any: a flow whose rate this pass has found does not open again, so that a pass ends whatever the
// rounding.
bool FluidSystem::open_disturbed(std::uint32_t id, double key) {
  bool any = false;
  for (const Use& use : capacities_[id].uses) {
    const Flow& flow = flows_[use.flow];
    if (flow.open || flow.pass == pass_ || (flow.holder != id && flow.rate <= key)) continue;
    open(use.flow);
    any = true;
  }
  return any;
}

// The capacity is full at this level.
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
  if (!same(rate, flow.rate)) {  // else it keeps exactly what it had
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

void FluidSystem::touch(std::uint32_t id) {
  if (capacities_[id].touched) return;
  capacities_[id].touched = true;
  touched_.push_back(id);
}

void FluidSystem::queue_touched() {
  for (const std::uint32_t id : touched_) {
    capacities_[id].touched = false;
    queue(id, due(capacities_[id], full_at(capacities_[id])));
  }
  touched_.clear();
}

// A little late, so that caps come first. What has been put off since stays in the queue too early, and is found to be
// so when it is its turn.
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

}  // namespace forerun
