#include "costmodel/kernels/kernel_residuals.hpp"

#include <algorithm>
#include <cmath>
#include <map>

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
  std::vector<double> sizes;
  for (const double r : residuals) sizes.push_back(std::abs(std::exp(-r) - 1));
  return {quantile(sizes, 0.5), quantile(sizes, 0.9)};
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

Folds::Folds(std::span<const KernelSample> samples) {
  constexpr std::size_t most = 5;
  std::map<std::string, std::size_t> fold_of;
  for (const KernelSample& sample : samples) fold_of.emplace(sample.group, 0);
  std::size_t next = 0;
  for (auto& [group, fold] : fold_of) fold = next++ % most;
  groups_ = fold_of.size() > 1 ? fold_of.size() : 0;
  count_ = std::min(most, groups_);
  members_.resize(most);
  for (std::size_t i = 0; i < samples.size(); ++i) members_[fold_of[samples[i].group]].push_back(i);
}

std::vector<std::size_t> Folds::others(std::size_t fold) const {
  std::vector<std::size_t> list;
  for (std::size_t other = 0; other < count_; ++other) {
    if (other != fold) list.insert(list.end(), members_[other].begin(), members_[other].end());
  }
  return list;
}

}  // namespace forerun
