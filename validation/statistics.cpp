#include "validation/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace forerun {

// sum |mfu_i x - 1| over x = 1/m = sum mfu_i |x - 1/mfu_i|: least at the median of 1/mfu_i, weighted with mfu_i.
double constant_mfu_error(const std::vector<double>& mfu) {
  if (mfu.empty()) return 0;
  std::vector<double> falling = mfu;
  std::sort(falling.begin(), falling.end(), std::greater<>());  // 1/mfu rises
  const double half = std::accumulate(falling.begin(), falling.end(), 0.0) / 2;
  double weight = 0, best = falling.back();
  for (const double m : falling) {
    weight += m;
    if (weight >= half) {
      best = m;
      break;
    }
  }
  double sum = 0;
  for (const double m : mfu) sum += std::abs(m / best - 1);
  return sum / static_cast<double>(mfu.size());
}

double PairOrder::tau() const {
  const double all = static_cast<double>(agree + disagree + tied);
  return all == 0 ? 0 : (static_cast<double>(agree) - static_cast<double>(disagree)) / all;
}

PairOrder& PairOrder::operator+=(const PairOrder& other) {
  agree += other.agree, disagree += other.disagree, tied += other.tied;
  return *this;
}

PairOrder pair_order(const std::vector<std::pair<double, double>>& pairs) {
  PairOrder order;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double predicted = pairs[i].first - pairs[j].first, measured = pairs[i].second - pairs[j].second;
      if (measured == 0) continue;
      ++(predicted == 0 ? order.tied : predicted * measured > 0 ? order.agree : order.disagree);
    }
  }
  return order;
}

}  // namespace forerun
