// A record of what happens when: a task (or whatever a driver numbers like one) and a time.
#pragma once

#include <cstdint>

#include "sim/ids.hpp"
#include "sim/tick.hpp"

namespace forerun {

struct Event {
  Tick at;
  std::uint32_t order;  // how many were scheduled before it: no two of a queue are equal, and ties leave in this order
  TaskId task;
};
static_assert(sizeof(Event) == 16);

__extension__ using EventKey = unsigned __int128;  // compares without a branch

constexpr EventKey key(const Event& event) { return EventKey{event.at} << 64 | event.order; }
constexpr bool operator<(const Event& a, const Event& b) { return key(a) < key(b); }

}  // namespace forerun
