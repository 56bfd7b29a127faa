#include "costmodel/kernels/kernel_residuals.hpp"

#include <algorithm>
#include <cmath>

#include "base/quantile.hpp"

namespace forerun {
namespace {

ResidualQuantiles quantiles(std::vector<double> residuals) {
  ResidualQuantiles q{residuals.size(), quantile(residuals, 0.1), quantile(residuals, 0.5), quantile(residuals, 0.9),
                      0};
  for (double& r : residuals) r = std::abs(r);
  q.band = quantile(residuals, 0.8);
  return q;
}

}  // namespace

FitError residual_errors(const std::vector<double>& residuals) {
  std::vector<double> errors;
  for (const double r : residuals) errors.push_back(std::exp(-r) - 1);
  return fit_error(errors);
}

std::array<ResidualQuantiles, TimeRegime::count> by_regime(std::span<const RegimeResidual> residuals) {
  constexpr std::size_t fewest = 30;
  std::array<std::vector<double>, TimeRegime::count> lists;
  std::vector<double> everything;
  for (const RegimeResidual& r : residuals) {
    lists[TimeRegime::of(r.predicted)].push_back(r.residual);
    everything.push_back(r.residual);
  }
  std::array<ResidualQuantiles, TimeRegime::count> all;
  for (std::size_t r = 0; r < lists.size(); ++r) {
    const std::size_t samples_here = lists[r].size();
    all[r] = quantiles(samples_here < fewest ? everything : std::move(lists[r]));
    all[r].samples = samples_here;
  }
  return all;
}

}  // namespace forerun
