// What one rank did when, by this machine's monotonic clock.
//
// Ranks of one machine share that clock: record from the same origin, and their intervals compare. One recorder a rank
// and thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace forerun {

using Clock = std::chrono::steady_clock;

struct Interval {
  std::string_view name,
      category;        // of memory that outlives the recorder: an instruction is named once, and done often
  std::uint16_t lane = 0;                 // the caller's number
  std::chrono::nanoseconds begin{}, end{};  // since the origin

  [[nodiscard]] std::chrono::nanoseconds duration() const { return end - begin; }
  bool operator==(const Interval&) const = default;
};

class IntervalRecorder {
 public:
  // From here to the end of its life. Intervals of one lane may hold others.
  class Running {
   public:
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() { recorder_.intervals_[index_].end = recorder_.now(); }

   private:
    friend class IntervalRecorder;
    Running(IntervalRecorder& recorder, std::size_t index) : recorder_(recorder), index_(index) {}

    IntervalRecorder& recorder_;
    std::size_t index_;
  };

  // Room for `expected` intervals, so that recording them allocates nothing.
  explicit IntervalRecorder(Clock::time_point origin = Clock::now(), std::size_t expected = 0) : origin_(origin) {
    intervals_.reserve(expected);
  }

  [[nodiscard]] std::chrono::nanoseconds now() const { return Clock::now() - origin_; }
  [[nodiscard]] Running run(std::uint16_t lane, std::string_view name, std::string_view category) {
    intervals_.push_back({name, category, lane, {}, {}});
    intervals_.back().begin = now();
    return {*this, intervals_.size() - 1};
  }

  void add(Interval interval) { intervals_.push_back(interval); }  // measured elsewhere, from the same origin

  [[nodiscard]] const std::vector<Interval>& intervals() const {
    return intervals_;
  }  // by begin; complete where none is running
  void forget() { intervals_.clear(); }                                                // while none is running

 private:
  Clock::time_point origin_;
  std::vector<Interval> intervals_;
};

}  // namespace forerun
