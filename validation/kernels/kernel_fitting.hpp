// Fits every group of measured kernels that share device, kind, format and library: what `forerun fit` does.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "costmodel/kernels/kernel_calibration.hpp"
#include "validation/kernels/kernel_rows.hpp"

namespace forerun {

struct KernelFitting {
  // by name; fits by kind, format, library, and last `any`, of all libraries of a kind and format
  std::vector<KernelCalibration> devices;
  std::vector<std::string> too_few;  // groups of fewer rows than can be fitted, as "a40 bf16 gemm vllm-0.9 (7 rows)"
};

inline constexpr std::size_t fewest_samples = 20;

using FittingProgress = std::function<void(std::size_t done, std::size_t total)>;

// `date` is written into each fit. Rows of `any` are left out library by library.
KernelFitting fit_rows(const KernelRows&, const std::string& date, const FittingProgress& = {});

}  // namespace forerun
