// The sampler of a GPU: by events, with the driver's readings and CUPTI's records of kernels beside them where they can
// be had.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "profiler/event_sampler.hpp"

namespace forerun {

struct CudaSampler {
  std::unique_ptr<EventSampler> sampler;
  std::vector<std::string> remarks;  // what could not be had, and why
};

// `monitor` must outlive the sampler. Throws std::runtime_error where the GPU cannot be used.
CudaSampler make_cuda_sampler(int device, const EventOptions&, const GpuMonitor& monitor);

}  // namespace forerun
