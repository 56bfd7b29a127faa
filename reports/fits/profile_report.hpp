// What `profile` measured of this machine, and the fits to it.
#pragma once

#include <string>
#include <vector>

#include "profiler/profile_options.hpp"
#include "reports/fits/sample_fits.hpp"

namespace forerun {

struct ProfileAnswer {
  const ProfileResult& result;
  std::string library;  // that multiplies matrices
  const SampleFits& fits;
  const std::vector<std::string>& written;
};

std::string to_text(const ProfileAnswer&, int width);
// machine, measured, overlap (null with one core), samples, drift, remarks, fits, written.
std::string json_text(const ProfileAnswer&);

}  // namespace forerun
