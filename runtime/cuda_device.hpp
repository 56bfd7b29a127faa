// A GPU as CUDA describes it, and its link to the host. Needs no header of CUDA; where the build found none, all of it
// throws std::runtime_error.
#pragma once

#include <cstdint>
#include <string>

#include "base/quantity.hpp"

namespace forerun {

struct CudaDevice {
  std::string name;     // "NVIDIA H200"
  std::string pci_bus;  // "0000:17:00.0"
  int sms = 0;
  int major = 0, minor = 0;  // compute capability
  Bytes memory;              // that programs get
  Bytes l2;
  Hertz clock;               // boost
  BytesPerSecond bandwidth;  // memory clock, both edges, times the width of the bus; 0: not told
  int driver = 0, runtime = 0;  // the newest CUDA that the driver knows, and the one built with: 13000 is 13.0

  bool operator==(const CudaDevice&) const = default;
};

CudaDevice cuda_device(int device);

enum class HostDirection : bool { to_device, to_host };

// One copy between pinned memory of the host and the device, by events around `times` of them in line.
Seconds time_host_copy(int device, HostDirection, Bytes, int times);

}  // namespace forerun
