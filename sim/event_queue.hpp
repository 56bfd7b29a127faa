// Pending events, the earliest first; those of the same time in the order in which they were scheduled.
//
// Up to some hundred thousand events they are one heap (EventHeap), as fast as its levels are cached. Beyond that the
// later ones wait unsorted in a list, from a horizon on, and a part of them enters the heap when it has run empty: each
// event then costs a few steps through memory in a row rather than a cache miss for each level of a deep heap. The
// order is that of one heap, always.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "sim/event.hpp"
#include "sim/event_heap.hpp"

namespace forerun {

class EventQueue {
 public:
  [[nodiscard]] std::size_t size() const { return near_.size() + far_.size(); }
  [[nodiscard]] bool empty() const { return size() == 0; }
  void reserve(std::size_t events) { near_.reserve(events < most_near ? events : most_near); }

  // Returns the event's order. At most 2^32 - 1 events in the life of a queue.
  std::uint32_t push(Tick at, TaskId task) {
    assert(next_order_ < std::numeric_limits<std::uint32_t>::max() && "a queue's events are numbered with 32 bits");
    assert(at < never);
    const Event event{.at = at, .order = next_order_++, .task = task};
    if (at >= horizon_) {
      far_.push_back(event);
    } else {
      near_.push(event);
      if (near_.size() > limit_) spill();
    }
    return event.order;
  }

  // The first event; valid until the next call that is not const.
  const Event& top() {
    if (near_.empty()) refill();
    return near_.top();
  }
  void pop() {
    if (near_.empty()) refill();
    near_.pop();
  }

 private:
  static constexpr std::size_t enough = std::size_t{1} << 15, most_near = 4 * enough;

  void spill();   // moves the later part of the heap behind a horizon
  void refill();  // moves the earlier part of the list into the heap, which is empty

  EventHeap near_;
  std::vector<Event> far_;
  Tick horizon_ = never;  // events from this time on are in the list; never: none is, whatever its time
  std::size_t limit_ = most_near;
  std::uint32_t next_order_ = 0;
};

}  // namespace forerun
