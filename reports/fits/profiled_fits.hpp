// The end of every profile's report: the fits, what a person should know, the files.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/dtype.hpp"
#include "base/quantity.hpp"
#include "reports/fits/sample_fits.hpp"

namespace forerun {

std::string fits_text(const SampleFits&, const std::vector<std::string>& written, int width);
// `remarks`, `fits` (each kind, dtype or ranks, n, in_sample, left_out), `written`.
void add_fits(nlohmann::ordered_json& report, const std::vector<std::string>& remarks, const SampleFits&,
              const std::vector<std::string>& written);

// The fastest products of each format: "fp32 61.2 GFLOP/s, bf16 ...".
std::string products_text(const std::map<DType, FlopsPerSecond>&);
nlohmann::ordered_json products_json(const std::map<DType, FlopsPerSecond>&);

}  // namespace forerun
