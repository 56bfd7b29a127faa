// A GPU as a device of the catalogue, or, where that does not know it, as one of its own.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hardware/cluster.hpp"
#include "profiler/machine.hpp"
#include "runtime/cuda_device.hpp"

namespace forerun {

struct HostLink {
  Seconds latency;
  BytesPerSecond bandwidth;
};
// Copies of sizes and their times: least squares of t = latency + bytes / bandwidth, each weighted by 1 / t^2 (shares
// of it, not seconds). Two sizes at least.
HostLink fit_host_link(const std::vector<std::pair<Bytes, Seconds>>&);

struct MeasuredGpu {
  BytesPerSecond copy, stream;  // device to device, and a sum of two tensors into a third: bytes read and written
  std::map<DType, FlopsPerSecond> product;  // the fastest of a few large products
  Seconds launch, launch_by_host, launch_alone;  // LaunchCosts
  HostLink to_device, to_host;  // PCIe or what is in its place, pinned memory
};

// As the catalogue names families: volta, ampere, ada, hopper, blackwell; "" for what is older than
// all.
std::string family_of(int major, int minor);

// "NVIDIA H100 80GB HBM3" is h100-sxm-80gb. Nothing where no name fits, or where the multiprocessors or the memory are
// not that device's (a part of one).
std::optional<Device> catalogue_device(const CudaDevice&);

// "nvidia-h200-nvl".
std::string device_name(const CudaDevice&);
// "nvidia-h200-nvl-132-sms-140-gib": a part of a GPU is not the whole.
std::string gpu_identity(const CudaDevice&);
// Peaks: what the tensor cores of its family do a clock and multiprocessor (whitepapers), at its boost clock; or, where
// a product was faster than nine tenths of that or the family's are not known, that product's rate over 0.9. `power`:
// the board's limit, where the driver told it.
Peak peak_of(const CudaDevice&, const MeasuredGpu&, DType);
Device device_of(const CudaDevice&, const MeasuredGpu&, std::optional<Watts> power);
// One such GPU in a node; links between several are not known.
Cluster cluster_of(const Device&, const MeasuredGpu&);

}  // namespace forerun
