// The shapes that a profile measures: log-uniform over what small models use, from a fixed seed.
//
// Products in the three orders of a linear layer (rows, in and out from 32 and 64 to 4096), attention causal with grouped queries, forward and
// backward, and each streaming kind by the bytes that plans' operators count for it (workloads/operators.cpp), forward and backward.
#pragma once

#include <span>
#include <vector>

#include "profiler/sampler.hpp"

namespace forerun {

struct SweepSize {
  int products = 900, attentions = 300, each_streaming = 80;
  Flops most_work{8e9};
};
inline constexpr SweepSize quick_sweep{.products = 260, .attentions = 140, .each_streaming = 24, .most_work = Flops{2e9}};

std::vector<KernelCase> plan_sweep(const SweepSize&, std::span<const DType>, std::uint64_t seed);

KernelCase stream_case(DType);                                // a sum of large tensors
KernelCase product_case(DType, std::int64_t m, std::int64_t n, std::int64_t k);  // forward
KernelCase call_case();                                       // next to nothing

}  // namespace forerun
