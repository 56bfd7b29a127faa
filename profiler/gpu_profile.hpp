// The profile of one GPU but its fit: what it is and does, then every sample of its kernels into their file.
//
// Rows name the device of the catalogue where this GPU is one, so that a fit to them serves every plan on clusters of
// it; otherwise STEM.device.yaml, which is written beside them. STEM.cluster.yaml is a node of one such GPU. Links
// between GPUs are not measured: one GPU has none.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "profiler/event_sampler.hpp"
#include "profiler/gpu_machine.hpp"
#include "profiler/kernel_samples.hpp"

namespace forerun {

// The usual sizes for a GPU of so much memory, quick or not.
ProfileOptions sized_for_gpu(ProfileOptions, Bytes memory);
// Four times the L2 cache: once around it, nothing is left of the first set. 256 MiB where the cache is not known.
EventOptions event_options(const CudaDevice&, std::uint64_t seed);

// What is measured or known outside the sampler.
struct GpuSurroundings {
  std::function<Seconds(HostDirection, Bytes, int times)> host_copy;
  std::optional<Watts> power_limit;
};

struct GpuProfileResult {
  CudaDevice gpu;
  std::string device;       // as rows name it
  bool in_catalogue = false;
  MeasuredGpu measured;
  Overlap overlap;          // of products on one lane beside copies on another
  KernelSamples samples;
  std::optional<Hertz> mean_clock;  // of the multiprocessors while they were measured
  std::vector<std::string> remarks;
  std::vector<std::string> written;  // files but for the samples
};

Result<GpuProfileResult> profile_gpu(const ProfileOptions&, EventSampler&, const CudaDevice&, const GpuSurroundings&,
                                     const ProfileProgress& = {});

}  // namespace forerun
