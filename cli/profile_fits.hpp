// The fits of a profile's samples, by the same reading and fitting as `forerun fit` has.
#pragma once

#include <string>

#include "base/result.hpp"
#include "reports/fits/sample_fits.hpp"

namespace forerun::cli {

// `collectives`: "" where there are none.
Result<SampleFits> fit_samples(const std::string& kernels, const std::string& collectives);

// The date in UTC: 2026-01-31.
std::string today();

// "here" of "here.yaml", the calibration's name: what the files beside it are named by.
std::string stem_of(const std::string& calibration);

// The calibration of kernels, `header` (comments) before it; problem: too few samples, or not writable.
Result<void> save_kernels(const std::string& path, const std::string& header, const SampleFits&);

}  // namespace forerun::cli
