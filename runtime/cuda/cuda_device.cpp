#include "runtime/cuda_device.hpp"

#include <array>

#include "runtime/cuda/resources.hpp"

namespace forerun {
namespace {

using cuda::check;

double attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, device), "cudaDeviceGetAttribute");
  return value;
}

}  // namespace

CudaDevice cuda_device(int device) {
  cudaDeviceProp said{};
  check(cudaGetDeviceProperties(&said, device), "cudaGetDeviceProperties");
  std::array<char, 32> bus{};
  check(cudaDeviceGetPCIBusId(bus.data(), static_cast<int>(bus.size()), device), "cudaDeviceGetPCIBusId");
  CudaDevice found{.name = said.name,
                   .pci_bus = bus.data(),
                   .sms = said.multiProcessorCount,
                   .major = said.major,
                   .minor = said.minor,
                   .memory = Bytes{static_cast<double>(said.totalGlobalMem)},
                   .l2 = Bytes{static_cast<double>(said.l2CacheSize)},
                   .clock = Hertz{1e3 * attribute(cudaDevAttrClockRate, device)},
                   .bandwidth = BytesPerSecond{2 * 1e3 * attribute(cudaDevAttrMemoryClockRate, device) *
                                               attribute(cudaDevAttrGlobalMemoryBusWidth, device) / 8}};
  check(cudaDriverGetVersion(&found.driver), "cudaDriverGetVersion");
  check(cudaRuntimeGetVersion(&found.runtime), "cudaRuntimeGetVersion");
  return found;
}

Seconds time_host_copy(int device, HostDirection direction, Bytes size, int times) {
  check(cudaSetDevice(device), "cudaSetDevice");
  const auto bytes = static_cast<std::int64_t>(size.value());
  const cuda::PinnedMemory host = cuda::new_pinned_memory(bytes);
  const cuda::DeviceMemory here = cuda::new_device_memory(bytes);
  const cuda::Stream stream = cuda::new_stream();
  const cuda::Event from = cuda::new_event(true), to = cuda::new_event(true);
  const auto copy = [&] {
    const bool down = direction == HostDirection::to_device;
    check(
        cudaMemcpyAsync(down ? here.get() : host.get(), down ? host.get() : here.get(), static_cast<std::size_t>(bytes),
                        down ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost, stream.get()),
        "cudaMemcpyAsync");
  };
  for (int i = 0; i < 2; ++i) copy();
  check(cudaEventRecord(from.get(), stream.get()), "cudaEventRecord");
  for (int i = 0; i < times; ++i) copy();
  check(cudaEventRecord(to.get(), stream.get()), "cudaEventRecord");
  check(cudaEventSynchronize(to.get()), "cudaEventSynchronize");
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, from.get(), to.get()), "cudaEventElapsedTime");
  return Seconds{1e-3 * static_cast<double>(milliseconds) / times};
}

}  // namespace forerun
