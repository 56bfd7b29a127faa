// The shapes that a profile measures: log-uniform over what models use that the device can train, from a fixed seed.
//
// Products in the three orders of a linear layer, attention causal with grouped queries, forward and backward, and of
// each streaming kind what the executor runs where a plan prices it, by the bytes that plans' operators count for it
// (workloads/operators/operators.cpp), forward and backward.
#pragma once

#include <span>
#include <vector>

#include "profiler/sampler.hpp"

namespace forerun {

struct SweepSize {
  int products = 900, attentions = 300, each_streaming = 80;
  Flops most_work{8e9};  // of a product; attention does at most 0.3 of it
};
inline constexpr SweepSize quick_sweep{
    .products = 260, .attentions = 140, .each_streaming = 24, .most_work = Flops{2e9}};
inline constexpr SweepSize gpu_sweep{.products = 900,
                                     .attentions = 300,
                                     .each_streaming = 80,
                                     .most_work = Flops{4.5e12}};  // 8192 rows of 16384 by 16384
inline constexpr SweepSize quick_gpu_sweep{
    .products = 260, .attentions = 140, .each_streaming = 24, .most_work = Flops{1e12}};

struct SizeRange {
  double least = 1, most = 1;
};

// What the shapes are drawn from: here for a core.
struct SweepRange {
  SizeRange rows{32, 4096}, widths{64, 4096};  // of products (widths: in and out), and of streaming operations
  SizeRange sequences{1, 8}, kv_heads{1, 8}, tokens{32, 2048};
  std::vector<int> head_sizes{16, 32, 64, 96, 128};
  SizeRange vocabulary{64, 32768}, table{256, 32768};  // columns of a loss; rows of an embedding
  std::int64_t most_streamed = 1 << 22;  // elements of a streaming operation's tensor, and of an embedding's table
  std::int64_t most_attended = 1LL << 40;  // elements of an attention's queries
  std::vector<std::int64_t> squares{384, 512, 768, 1024};  // products that tell the peak
};
// For a GPU: to 8192 tokens, widths of 16384 and, where its memory holds them all in all formats, tensors of 134
// million elements.
SweepRange gpu_range(Bytes memory, std::span<const DType>);
// Those that are small enough.
std::vector<std::int64_t> measured_squares(const SweepRange&, const SweepSize&);

std::vector<KernelCase> plan_sweep(const SweepSize&, const SweepRange&, std::span<const DType>, std::uint64_t seed);

KernelCase stream_case(DType, const SweepRange& = {});  // a sum of tensors as large as the sweep's largest
KernelCase product_case(DType, std::int64_t m, std::int64_t n, std::int64_t k);  // forward
KernelCase copy_case(DType, const SweepRange& = {});  // of a tensor as large as the sweep's largest
KernelCase call_case();  // next to nothing

}  // namespace forerun
