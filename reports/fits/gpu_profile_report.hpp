// What `profile` measured of one GPU, and the fits to it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "profiler/gpu_profile.hpp"
#include "reports/fits/sample_fits.hpp"

namespace forerun {

// What the driver says of itself and of the GPU's clock.
struct GpuDriver {
  std::string version;  // "580.65.06"; "unknown"
  std::optional<Hertz> most_clock;
};

struct GpuProfileAnswer {
  const GpuProfileResult& result;
  const GpuDriver& driver;
  const SampleFits& fits;
  const std::vector<std::string>& written;
};

std::string to_text(const GpuProfileAnswer&, int width);
// gpu, measured, overlap, samples, drift, remarks, fits, written.
std::string json_text(const GpuProfileAnswer&);

// The comments above the calibration: what was measured, when, with which driver and at which clock.
std::string calibration_comments(const GpuProfileResult&, const GpuDriver&, bool quick, const std::string& date);

}  // namespace forerun
