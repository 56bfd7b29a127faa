#include "sim/event_queue.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace forerun {
namespace {

// A time that about `part` of the events do not exceed, from a sample at equal distances.
Tick time_of_first(std::span<const Event> events, std::size_t part) {
  std::array<Tick, 256> sample{};
  for (std::size_t i = 0; i < sample.size(); ++i) sample[i] = events[i * events.size() / sample.size()].at;
  const std::size_t rank = part * (sample.size() - 1) / events.size();
  std::nth_element(sample.begin(), sample.begin() + static_cast<std::ptrdiff_t>(rank), sample.end());
  return sample[rank];
}

}  // namespace

void EventQueue::spill() {
  std::vector<Event> all;
  all.reserve(near_.size());
  near_.drain([&](const Event& event) { all.push_back(event); });
  horizon_ = time_of_first(all, all.size() / 4) + 1;
  for (const Event& event : all) {
    if (event.at < horizon_) {
      near_.push(event);
    } else {
      far_.push_back(event);
    }
  }
  limit_ = std::max(most_near, 2 * near_.size());  // doubles where many events share a time: they cannot be told apart
}

void EventQueue::refill() {
  if (far_.empty()) return;
  const std::size_t part = std::max(enough, far_.size() / 16);
  horizon_ = never;
  if (part < far_.size()) {
    const Tick first = std::ranges::min(far_, {}, &Event::at).at;
    horizon_ = std::max(first, time_of_first(far_, part)) + 1;
  }
  std::size_t kept = 0;
  for (const Event event : far_) {
    if (event.at < horizon_) {
      near_.push(event);
    } else {
      far_[kept++] = event;
    }
  }
  far_.resize(kept);
  limit_ = std::max(most_near, 2 * near_.size());
}

}  // namespace forerun
