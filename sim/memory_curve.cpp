#include "sim/memory_curve.hpp"

#include <algorithm>
#include <cassert>

namespace forerun {

void MemoryCurve::add(std::uint64_t position, std::int64_t delta, std::uint32_t tag) {
  assert((changes_.empty() || changes_.back().position <= position) && "changes come in order");
  changes_.push_back({.position = position, .delta = delta, .tag = tag});
  bytes_ += delta;
  if (bytes_ <= peak_) return;
  peak_ = bytes_;
  until_peak_ = changes_.size();
}

std::uint64_t MemoryCurve::peak_position() const { return until_peak_ == 0 ? 0 : changes_[until_peak_ - 1].position; }

std::vector<std::int64_t> MemoryCurve::alive_at_peak() const {
  std::vector<std::int64_t> alive;
  for (std::size_t i = 0; i < until_peak_; ++i) {
    const Change& change = changes_[i];
    alive.resize(std::max<std::size_t>(alive.size(), change.tag + std::size_t{1}));
    alive[change.tag] += change.delta;
  }
  return alive;
}

std::vector<MemoryCurve::Point> MemoryCurve::points() const {
  std::vector<Point> points;
  std::int64_t bytes = 0;
  for (const Change& change : changes_) {
    bytes += change.delta;
    if (points.empty() || points.back().position != change.position)
      points.push_back({.position = change.position, .bytes = 0});
    points.back().bytes = bytes;
  }
  return points;
}

}  // namespace forerun
