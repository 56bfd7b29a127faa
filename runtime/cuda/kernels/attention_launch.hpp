// For the attention's sources only: kernels of bodies, in as much shared memory as their tiles take.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "runtime/cuda/check.hpp"
#include "runtime/cuda/kernels/attention_spans.hpp"

namespace forerun::cuda {

// What a block of the current device may have.
inline std::int64_t shared_memory_limit() {
  int device = 0, bytes = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), "cudaDeviceGetAttribute");
  return bytes;
}

template <class T, class Memory>
AttentionTiles tiles_on_this_device(const AttentionShape& s) {
  const auto tiles = tiles_that_fit<T, Memory>(s, shared_memory_limit());
  if (!tiles) {
    throw std::runtime_error("attention on a GPU: dimensions of " + std::to_string(s.head_dim) + " and " +
                             std::to_string(s.value_dim) + " do not fit in its shared memory");
  }
  return *tiles;
}

template <class Body>
void launch_attention(cudaStream_t stream, const Body& body, int threads, std::int64_t bytes) {
  const std::int64_t items = body.items();
  if (items == 0) return;
  if (items > 0x7fffffff) throw std::runtime_error("attention of too many tiles for a GPU's grid");
  constexpr std::int64_t unasked = 48 << 10;
  if (bytes > unasked) {  // always as much: ranks that are threads share the attribute
    check(cudaFuncSetAttribute(for_each_team<Body>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(shared_memory_limit())),
          "cudaFuncSetAttribute");
  }
  for_each_team<<<static_cast<unsigned>(items), static_cast<unsigned>(threads), static_cast<std::size_t>(bytes),
                  stream>>>(body);
  check(cudaGetLastError(), "attention");
}

inline constexpr int threads_of_tiles = 256, threads_of_rows = 128;

}  // namespace forerun::cuda
