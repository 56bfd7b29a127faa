// The fits of a profile's samples, by the same reading and fitting as `forerun fit` has.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"
#include "studies/collective_fitting.hpp"
#include "studies/kernel_fitting.hpp"

namespace forerun::cli {

struct ProfileFits {
  KernelFitting kernels;
  CollectiveFitting collectives;
};

// `collectives`: "" where there are none.
Result<ProfileFits> fit_samples(const std::string& kernels, const std::string& collectives);

std::string fits_table(const ProfileFits&);
nlohmann::ordered_json fits_json(const ProfileFits&);

// The date in UTC: 2026-01-31.
std::string today();

// The calibration of kernels, `header` (comments) before it; problem: too few samples, or not writable.
Result<void> save_kernels(const std::string& path, const std::string& header, const ProfileFits&);

}  // namespace forerun::cli
