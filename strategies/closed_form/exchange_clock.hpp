// Computation beside exchanges between replicas that follow each other on one lane.
//
// An exchange of time t has a part a t that may hide and a rest that stops the computation at its wait. While both run,
// both are slowed to 1 / (1 + contention), as sim/ has it with max-min sharing.
#pragma once

#include <algorithm>
#include <vector>

#include "base/quantity.hpp"

namespace forerun {

class ExchangeClock {
 public:
  ExchangeClock(double share_that_hides, double contention_of_all, std::vector<Seconds>& storage)
      : hides_(share_that_hides), contention_(contention_of_all), done_(storage) {
    done_.clear();
  }

  Seconds now;

  // `share` of it keeps the processors busy; the rest is communication of its own.
  void compute(Seconds work, double share = 1) {
    const Seconds start = now;
    const double slowing = share * contention_;
    const Seconds beside = min(work, max(Seconds{0}, lane_ - start));
    if (beside > Seconds{0}) {
      for (Seconds& done : done_) {
        if (done > start) done += slowing * min(work, done - start);
      }
      lane_ += slowing * beside;
    }
    now += work + slowing * beside;
  }
  // Returns its number, to wait for.
  std::size_t issue(Seconds time) {
    lane_ = max(lane_, now) + hides_ * time;
    done_.push_back(lane_);
    return done_.size() - 1;
  }
  void wait(std::size_t exchange, Seconds time) { now = max(now, done_[exchange]) + (1 - hides_) * time; }

  // How long the lane is still busy.
  [[nodiscard]] Seconds backlog() const { return max(Seconds{0}, lane_ - now); }
  // Time in which everything repeats itself.
  void skip(Seconds time) {
    now += time, lane_ += time;
    for (Seconds& done : done_) done += time;
  }

 private:
  double hides_, contention_;
  Seconds lane_;  // when the last issued is done
  std::vector<Seconds>& done_;  // when the part that hides is done
};

}  // namespace forerun
