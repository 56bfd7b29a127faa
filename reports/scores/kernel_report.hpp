// Scores and fits of kernels as JSON and as tables for the terminal.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "validation/kernels/kernel_fitting.hpp"
#include "validation/kernels/kernel_validation.hpp"

namespace forerun {

// rows, collectives, groups: source, gpu, dtype, kind, library (by library only), n, median, p90, sum_ratio, evidence,
// in_band and, where asked for, left_out with n, median, p90, sum_ratio, in_band; errors as fractions.
nlohmann::ordered_json to_json(const KernelValidation&);
std::string json_text(const KernelValidation&);
std::string to_text(const KernelValidation&, int width);

// A table of what each fit reaches in its sample and on rows left out.
std::string to_text(const KernelFitting&, int width);

}  // namespace forerun
