// The fits of a profile's samples, by the same reading and fitting as `forerun fit` has.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"
#include "base/units.hpp"
#include "validation/collectives/collective_fitting.hpp"
#include "validation/kernels/kernel_fitting.hpp"

namespace forerun::cli {

struct ProfileFits {
  KernelFitting kernels;
  CollectiveFitting collectives;
};

// `collectives`: "" where there are none.
Result<ProfileFits> fit_samples(const std::string& kernels, const std::string& collectives);

// The end of every profile's report: the fits, what a person should know, the files.
void print_fits(const ProfileFits&, const std::vector<std::string>& written);
void add_fits(nlohmann::ordered_json& report, const std::vector<std::string>& remarks, const ProfileFits&,
              const std::vector<std::string>& written);

// The fastest products of each format: "fp32 61.2 GFLOP/s, bf16 ...".
std::string products_text(const std::map<DType, FlopsPerSecond>&);
nlohmann::ordered_json products_json(const std::map<DType, FlopsPerSecond>&);

// The date in UTC: 2026-01-31.
std::string today();

// "here" of "here.yaml", the calibration's name: what the files beside it are named by.
std::string stem_of(const std::string& calibration);

// The calibration of kernels, `header` (comments) before it; problem: too few samples, or not writable.
Result<void> save_kernels(const std::string& path, const std::string& header, const ProfileFits&);

}  // namespace forerun::cli
