// The kernels of a sweep, into their file, a reference product among them again and again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "profiler/profile_options.hpp"
#include "profiler/sample_file.hpp"

namespace forerun {

struct KernelSamples {
  std::size_t rows = 0, kept = 0;  // kept: of an earlier run
  std::vector<std::string> failed;  // cases that could not be measured, each with what it said
  double drift = 0;                // largest, of the reference product over its first time, less 1
};

// Into a file of kernels, those that it lacks. Problems: it cannot be written.
Result<KernelSamples> sample_kernels(const ProfileOptions&, Sampler&, SampleFile&, const ProfileProgress&);

// Where it drifted by more than a tenth.
std::optional<std::string> drift_remark(double drift);

}  // namespace forerun
