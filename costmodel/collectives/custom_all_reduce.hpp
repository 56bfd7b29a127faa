// All-reduces that inference servers write themselves, inside one node: every rank reads its peers' buffers.
//
//   one shot   t = start + (n-1) S / (rate P)              each rank reads all of all others
//   two shots  t = two_start + 2 (n-1)/n S / (rate P)      each reads its part, then all parts
//
// The faster one up to `limit` bytes; beyond, NCCL's. Started from the host (not from a graph) never less than `floor`,
// and the message is copied into a registered buffer at `staging` of the port's rate. (vLLM, SGLang:
// csrc/custom_all_reduce.cuh; TensorRT-LLM: customAllReduce.)
#pragma once

#include <span>

#include "costmodel/collectives/collective_fit.hpp"

namespace forerun {

// Times in seconds, rates as shares of the port's.
struct CustomForm {
  double start = 0, two_start = 0, rate = 1;
  double limit = 0;  // bytes
  double floor = 0;  // 0: launched by a graph
  double staging = 0;  // 0: read in place

  bool operator==(const CustomForm&) const = default;
};

template <>
std::span<const FormField<CustomForm>> fields_of<CustomForm>();

// `otherwise`: NCCL's time. A group of one takes no time.
Seconds time(const CustomForm&, int ranks, Bytes, BytesPerSecond port, Seconds otherwise);

struct CustomFit {
  CustomForm form;
  FitError in_sample, left_out;
  CollectiveSpread spread;
  std::size_t samples = 0;

  bool operator==(const CustomFit&) const = default;
};

enum class LaunchedBy : std::uint8_t { graph, host };
// `nccl`: the fit of the generation's all-reduce.
CustomFit fit_custom(std::span<const CollectiveSample>, LaunchedBy, const CollectiveForm& nccl);

}  // namespace forerun
