// From measured times of one kind of kernel to the parameters of its form, with what the fit is worth on rows that it
// did not see.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "costmodel/residual_interpolation.hpp"

namespace forerun {

struct KernelSample {
  Kernel kernel;
  Seconds time;
  std::string group;  // samples of a group (a model, a head configuration) are left out together
};

// Of |predicted / measured - 1|.
struct FitError {
  double median = 0, p90 = 0;

  bool operator==(const FitError&) const = default;
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

// What samples add to a form: see residual_interpolation.hpp.
struct MeasuredResiduals {
  ResidualField field;
  FitError left_out;  // of all rows left out, with the interpolation from other groups
  std::array<ResidualQuantiles, TimeRegime::count> residuals{};  // of those where samples dominate

  bool operator==(const MeasuredResiduals&) const = default;
};

struct KernelFit {
  KernelKind kind = KernelKind::gemm;
  DType dtype = DType::bf16;
  std::string library;  // whose kernels, as "vllm-0.24.0" or "vidur-cublas"; "any": of all together
  std::string source, date;
  std::size_t samples = 0, groups = 0;  // groups: that were left out in turn (0: too few)
  KernelForm form;
  FitError in_sample, left_out;  // of the form alone
  std::array<ResidualQuantiles, TimeRegime::count> residuals{};
  // where it makes the left-out median and 90th percentile smaller by 5 % or more
  std::optional<MeasuredResiduals> measured;

  [[nodiscard]] const FitError& best_left_out() const { return measured ? measured->left_out : left_out; }
  bool operator==(const KernelFit&) const = default;
};

// The form's parameters alone, from `from`. At least one sample, all of kind `kind`, all of one dtype, with times above
// 0.
KernelForm fit_form(const KernelForm& from, const Device&, std::span<const KernelSample>, int starts);

// Form, errors and residuals; kind and dtype are those of the samples. Groups are left out in five folds, or each alone
// where there are fewer; with one group, left_out repeats in_sample.
KernelFit fit_kernels(const Device&, std::span<const KernelSample>);

// Standard deviation of the normal whose 80 % band a residual band is.
double spread(const ResidualQuantiles&);

// Each sample as a fit to the samples of other groups sees it, in their order.
struct HeldOutFit {
  KernelForm form;  // fitted to all
  std::size_t groups = 0;  // 0: one, nothing was left out
  std::vector<double> form_residuals;  // ln(measured / predicted) of the form alone
  std::vector<double> residuals;  // with what samples of other groups add, where that is worth it
  std::vector<bool> dominated;  // by those samples
  std::vector<double> bands;  // of the regime of its predicted time, from the samples of other folds: four in five
                              // should be nearer to 0
  std::optional<ResidualField> field;  // of all samples; none: the form is as good
};
HeldOutFit fit_left_out(const Device&, std::span<const KernelSample>);

}  // namespace forerun
