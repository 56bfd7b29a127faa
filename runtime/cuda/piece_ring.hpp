// A ring of bytes handed out piece after piece, each free again when its ticket (an event) is done.
#pragma once

#include <cassert>
#include <cstdint>
#include <deque>
#include <utility>

namespace forerun::cuda {

template <class Ticket>
class PieceRing {
 public:
  static constexpr std::int64_t alignment = 256;

  explicit PieceRing(std::int64_t capacity) : capacity_(capacity) { assert(capacity % alignment == 0); }

  [[nodiscard]] std::int64_t capacity() const { return capacity_; }

  // Where a piece of at most the capacity begins. `wait` is called with the tickets of older pieces that lie there,
  // oldest first. The piece is taken until the ticket that `hold` is given next is done.
  template <class Wait>
  std::int64_t reserve(std::int64_t bytes, const Wait& wait) {
    assert(bytes <= capacity_);
    const std::int64_t place = next_ % capacity_;
    if (place + bytes > capacity_) next_ += capacity_ - place;  // no piece goes over the end
    // Positions only grow: those below next + bytes - capacity are about to be written over.
    while (!held_.empty() && held_.front().first < next_ + bytes - capacity_) {
      wait(std::move(held_.front().ticket));
      held_.pop_front();
    }
    reserved_ = next_;
    next_ += (bytes + alignment - 1) / alignment * alignment;
    return reserved_ % capacity_;
  }
  void hold(Ticket ticket) { held_.push_back({reserved_, std::move(ticket)}); }

 private:
  struct Held {
    std::int64_t first;
    Ticket ticket;
  };
  std::int64_t capacity_, next_ = 0, reserved_ = 0;
  std::deque<Held> held_;
};

}  // namespace forerun::cuda
