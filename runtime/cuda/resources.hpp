// What CUDA hands out, given back when it goes.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "runtime/cuda/check.hpp"

namespace forerun::cuda {

struct GiveBack {
  void operator()(cudaStream_t stream) const noexcept { cudaStreamDestroy(stream); }
  void operator()(cudaEvent_t event) const noexcept { cudaEventDestroy(event); }
};
using Stream = std::unique_ptr<CUstream_st, GiveBack>;
using Event = std::unique_ptr<CUevent_st, GiveBack>;

struct FreeOnDevice {
  void operator()(std::byte* data) const noexcept { cudaFree(data); }
};
struct FreeOnHost {
  void operator()(std::byte* data) const noexcept { cudaFreeHost(data); }
};
using DeviceMemory = std::unique_ptr<std::byte, FreeOnDevice>;
using PinnedMemory = std::unique_ptr<std::byte, FreeOnHost>;  // of the host, for copies that go on by themselves

// Not in order with any other stream. Of the device in use, as all of these.
inline Stream new_stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  return Stream(stream);
}
inline Event new_event(bool with_time) {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, with_time ? cudaEventDefault : cudaEventDisableTiming),
        "cudaEventCreateWithFlags");
  return Event(event);
}
inline DeviceMemory new_device_memory(std::int64_t bytes) {
  void* data = nullptr;
  check(cudaMalloc(&data, static_cast<std::size_t>(bytes)), "cudaMalloc");
  return DeviceMemory(static_cast<std::byte*>(data));
}
inline PinnedMemory new_pinned_memory(std::int64_t bytes) {
  void* data = nullptr;
  check(cudaMallocHost(&data, static_cast<std::size_t>(bytes)), "cudaMallocHost");
  return PinnedMemory(static_cast<std::byte*>(data));
}

}  // namespace forerun::cuda
