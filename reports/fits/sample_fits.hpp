// Calibrations fitted to measured kernels and collectives.
#pragma once

#include <cstddef>

#include "validation/collectives/collective_fitting.hpp"
#include "validation/kernels/kernel_fitting.hpp"

namespace forerun {

struct SampleFits {
  KernelFitting kernels;
  CollectiveFitting collectives;

  // A calibration a device and a generation of collectives.
  [[nodiscard]] std::size_t files() const { return kernels.devices.size() + collectives.calibrations.size(); }
};

}  // namespace forerun
