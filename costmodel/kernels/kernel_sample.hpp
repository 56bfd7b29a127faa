// A measured kernel, and how far predictions are from such measurements.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "costmodel/fitting/errors.hpp"
#include "costmodel/kernels/residual_interpolation.hpp"

namespace forerun {

struct KernelSample {
  Kernel kernel;
  Seconds time;
  std::string group;  // samples of a group (a model, a head configuration) are left out together
};

// Kernels scatter the more the shorter they are: residuals are kept by predicted time.
struct TimeRegime {
  static constexpr std::array<double, 2> limits{1e-5, 1e-4};  // seconds: below, between, above
  static constexpr std::size_t of(double seconds) { return seconds < limits[0] ? 0U : seconds < limits[1] ? 1U : 2U; }
  static constexpr int count = 3;
};

// Of ln(measured / predicted), on rows left out where there are groups to leave out.
struct ResidualQuantiles {
  std::size_t samples = 0;
  double p10 = 0, p50 = 0, p90 = 0;
  double band = 0;  // four in five are nearer to 0 than this

  bool operator==(const ResidualQuantiles&) const = default;
};

// Each sample as a fit to the samples of other groups sees it, in their order.
struct HeldOutFit {
  KernelForm form;  // fitted to all
  std::size_t groups = 0;  // 0: one, nothing was left out
  std::vector<double> form_residuals;  // ln(measured / predicted) of the form alone
  std::vector<double> residuals;  // with what samples of other groups add, where that is worth it
  std::vector<bool> dominated;  // by those samples
  // The band of the regime of a sample's predicted time, from the other folds: four in five should be nearer to 0.
  std::vector<double> bands;
  std::optional<ResidualField> field;  // of all samples; none: the form is as good
};

}  // namespace forerun
