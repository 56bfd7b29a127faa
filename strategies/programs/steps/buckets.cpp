#include "strategies/programs/steps/buckets.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace forerun {

void cut_buckets(const std::vector<std::int64_t>& parameters, double size, int replicas, std::vector<Bucket>& buckets) {
  buckets.clear();
  const std::int64_t all = std::accumulate(parameters.begin(), parameters.end(), std::int64_t{0});
  if (all == 0) return;
  double threshold = 1;
  if (size > 0) {
    const double pieces = std::max(1.0, std::round(static_cast<double>(all) / std::max(size, 1e6 * replicas)));
    threshold = static_cast<double>(all) / pieces * (1 - 1e-9);
  }
  Bucket open{static_cast<int>(parameters.size()) - 1, static_cast<int>(parameters.size()) - 1, 0};
  std::int64_t rest = all;
  for (int unit = static_cast<int>(parameters.size()) - 1; unit >= 0; --unit) {
    const std::int64_t here = parameters[static_cast<std::size_t>(unit)];
    open.first_unit = unit;
    open.elements += here;
    rest -= here;
    if (static_cast<double>(open.elements) < threshold && rest > 0) continue;
    if (rest == 0) open.first_unit = std::min(open.first_unit, unit);
    buckets.push_back(open);
    if (rest == 0) return;
    open = {unit - 1, unit - 1, 0};
  }
}

}  // namespace forerun
