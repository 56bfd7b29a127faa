// From measured times of one kind of kernel to the parameters of its form, with what the fit is worth on rows that it
// did not see.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "costmodel/kernels/kernel_sample.hpp"

namespace forerun {

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

HeldOutFit fit_left_out(const Device&, std::span<const KernelSample>);

}  // namespace forerun
