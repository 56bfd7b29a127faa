// What residuals of a fit are worth: errors, and quantiles by predicted time. Inside costmodel/ only.
#pragma once

#include <array>
#include <span>
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

}  // namespace forerun
