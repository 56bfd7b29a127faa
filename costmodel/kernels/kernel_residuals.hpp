// What residuals of a fit are worth: errors, quantiles by predicted time, and groups of samples to leave out. Inside
// costmodel/ only.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "costmodel/kernels/kernel_sample.hpp"

namespace forerun {

// Residuals are ln(measured / predicted), in the order of the samples.
FitError residual_errors(const std::vector<double>& residuals);

// A residual and what was predicted, in seconds.
struct RegimeResidual {
  double residual = 0, predicted = 0;
};
// By the predicted time, since that is what a user has; a regime without enough rows takes the quantiles of all.
std::array<ResidualQuantiles, TimeRegime::count> by_regime(std::span<const RegimeResidual>);

// Groups in order of their names, dealt out in turn to at most five folds.
class Folds {
 public:
  explicit Folds(std::span<const KernelSample>);

  [[nodiscard]] std::size_t groups() const { return groups_; }  // 0: one, nothing can be left out
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] const std::vector<std::size_t>& members(std::size_t fold) const { return members_[fold]; }
  [[nodiscard]] std::vector<std::size_t> others(std::size_t fold) const;  // indices of the other folds' samples

 private:
  std::size_t groups_ = 0, count_ = 0;
  std::vector<std::vector<std::size_t>> members_;
};

}  // namespace forerun
