// The 4-ary heap below EventQueue.
//
// Four siblings are one cache line (LaMarca and Ladner, "The influence of caches on the performance of heaps", 1996),
// and the sixteen children of siblings are four lines in a row, fetched while their parents are compared. Taking the
// first leaves a hole at the top, which the next event that is pushed fills: a simulation mostly schedules one event
// for each that it takes, and then pays one way down, not two. Unused slots of the last line hold an event later than
// all, so that no way down meets half a line.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <limits>
#include <vector>

#include "sim/event.hpp"

namespace forerun {

class EventHeap {
 public:
  [[nodiscard]] std::size_t size() const { return end_ - root - (hole_ ? 1 : 0); }
  [[nodiscard]] bool empty() const { return size() == 0; }
  void reserve(std::size_t events) { lines_.reserve((root + events) / 4 + 1); }

  void push(const Event& event) {
    if (hole_) {
      hole_ = false;
      sink(event);
      return;
    }
    if (end_ / 4 == lines_.size()) lines_.push_back(unused_line);
    rise(end_++, event);
  }

  const Event& top() {
    assert(!empty());
    if (hole_) fill_hole();
    return slot(root);
  }

  void pop() {
    assert(!empty());
    if (hole_) fill_hole();
    hole_ = true;
  }

  // Removes all events, and hands each to `take` in no order of theirs.
  template <class Take>
  void drain(Take&& take) {
    if (hole_) fill_hole();
    const std::size_t end = end_;
    end_ = root;
    std::vector<Line> lines;
    lines.swap(lines_);
    for (std::size_t i = root; i < end; ++i) take(lines[i / 4][i % 4]);
  }

 private:
  struct alignas(64) Line : std::array<Event, 4> {};
  static constexpr Event unused{.at = never, .order = std::numeric_limits<std::uint32_t>::max(), .task = TaskId{}};
  static constexpr Line unused_line{{unused, unused, unused, unused}};
  static constexpr std::size_t root = 3;  // the last slot of the first line: siblings then start at multiples of four

  static std::size_t parent(std::size_t i) { return i / 4 + 2; }
  static std::size_t first_child(std::size_t i) { return 4 * i - 8; }
  Event& slot(std::size_t i) { return lines_[i / 4][i % 4]; }

  // Puts `event` at or above slot i, which is free.
  void rise(std::size_t i, const Event& event) {
    for (; i > root && event < slot(parent(i)); i = parent(i)) slot(i) = slot(parent(i));
    slot(i) = event;
  }

  // Puts `event` where it belongs while the top is free: the free slot goes down all the way (the new event mostly
  // belongs near the bottom, so a comparison at each level would be wasted), then the event rises.
  void sink(const Event& event) {
    std::size_t free = root;
    for (std::size_t child = first_child(free); child < end_; child = first_child(free)) {
      const std::size_t least = least_of(child);
      slot(free) = slot(least);
      free = least;
    }
    rise(free, event);
  }

  std::size_t least_of(std::size_t first) {
    prefetch(first_child(first));
    const Line& line = lines_[first / 4];
    const bool right_01 = line[1] < line[0], right_23 = line[3] < line[2];
    const EventKey left = key(line[right_01 ? 1 : 0]), right = key(line[right_23 ? 3 : 2]);
    return first + (right < left ? 2 + (right_23 ? 1 : 0) : (right_01 ? 1 : 0));
  }

  void prefetch(std::size_t i) const {
    const auto* address = reinterpret_cast<const char*>(lines_.data()) + i * sizeof(Event);
    for (std::size_t line = 0; line < 4; ++line) __builtin_prefetch(address + line * sizeof(Line));
  }

  void fill_hole() {
    hole_ = false;
    const Event last = slot(--end_);
    slot(end_) = unused;
    if (end_ > root) sink(last);
  }

  std::vector<Line> lines_;
  std::size_t end_ = root;  // one past the last slot in use
  bool hole_ = false;  // the slot at the root is free
};

}  // namespace forerun
