#include "profiler/measure.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <thread>

#include "base/quantile.hpp"

namespace forerun {
namespace {

// The other ranks, busy with the same case until this goes.
class Companions {
 public:
  Companions(Sampler& sampler, const KernelCase& one, int ranks) {
    for (int rank = 1; rank < ranks; ++rank) {
      threads_.emplace_back([this, &sampler, &one, rank](const std::stop_token& stop) {
        const auto prepared = sampler.prepare(one, rank);
        prepared->run();
        ++running_;
        running_.notify_all();
        while (!stop.stop_requested()) prepared->run();
      });
    }
  }
  void wait_until_running() {
    const int all = static_cast<int>(threads_.size());
    for (int n = running_; n < all; n = running_) running_.wait(n);
  }

 private:
  std::atomic<int> running_ = 0;
  std::vector<std::jthread> threads_;  // last: ends before the others
};

}  // namespace

RunTimes times_of(const std::vector<double>& seconds) {
  const double median = quantile(seconds, 0.5);
  const auto outliers = std::count_if(seconds.begin(), seconds.end(), [&](double t) { return t > 2 * median; });
  return {Seconds{median}, (quantile(seconds, 0.75) - quantile(seconds, 0.25)) / 2 / median, seconds.size(),
          static_cast<std::size_t>(outliers)};
}

RunTimes measure(Sampler& sampler, const KernelCase& one, const Effort& effort, int ranks) {
  using Clock = std::chrono::steady_clock;
  Companions companions(sampler, one, ranks);
  const auto prepared = sampler.prepare(one, 0);
  prepared->run();
  companions.wait_until_running();
  const auto end = Clock::now() + std::chrono::duration<double>(effort.budget.value());
  std::vector<double> seconds;
  while (seconds.size() < effort.most && (seconds.size() < effort.fewest || Clock::now() < end))
    seconds.push_back(std::max(prepared->run().value(), 1e-9));
  RunTimes times = times_of(seconds);
  times.notes = prepared->notes();
  return times;
}

}  // namespace forerun
