#include "runtime/cuda/cuda_backend.hpp"

#include <algorithm>
#include <cmath>
#include <new>
#include <stdexcept>
#include <string>

#include "runtime/cuda/cuda_operators.hpp"
#include "runtime/cuda/matrix_products.hpp"
#include "runtime/cuda_backend.hpp"

namespace forerun::cuda {

CudaBackend::CudaBackend(int device) : device_(device) {
  use_lane(0);
  fp64_ = make_operators<double>(*this);
  fp32_ = make_operators<float>(*this);
  bf16_ = make_operators<BFloat16>(*this);
  start_clock();
}

CudaBackend::~CudaBackend() {
  cudaSetDevice(device_);
  cudaDeviceSynchronize();  // what goes now is still read by what is in line
}

void* CudaBackend::take(std::int64_t bytes) {
  void* data = nullptr;
  const cudaError_t error = cudaMalloc(&data, static_cast<std::size_t>(std::max<std::int64_t>(bytes, 1)));
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // it is not the next call's
    throw std::bad_alloc();
  }
  check(error, "cudaMalloc");
  return data;
}

void CudaBackend::give_back(void* data, std::int64_t /*bytes*/) noexcept { cudaFree(data); }

void CudaBackend::copy(const void* from, void* to, std::int64_t bytes) {
  if (bytes > 0 && from != to)
    check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), cudaMemcpyDeviceToDevice, stream()),
          "cudaMemcpyAsync");
}

void CudaBackend::copy_rows(std::int64_t rows, std::int64_t bytes, const void* from, std::int64_t from_stride, void* to,
                            std::int64_t to_stride) {
  if (rows == 0 || bytes == 0) return;
  if (rows == 1 || (from_stride == bytes && to_stride == bytes)) return copy(from, to, rows * bytes);
  const auto size = [](std::int64_t n) { return static_cast<std::size_t>(n); };
  check(cudaMemcpy2DAsync(to, size(to_stride), from, size(from_stride), size(bytes), size(rows),
                          cudaMemcpyDeviceToDevice, stream()),
        "cudaMemcpy2DAsync");
}

void CudaBackend::clear(void* to, std::int64_t bytes) {
  if (bytes > 0) check(cudaMemsetAsync(to, 0, static_cast<std::size_t>(bytes), stream()), "cudaMemsetAsync");
}

void CudaBackend::put(const void* host, void* to, std::int64_t bytes) { staging_.put(host, to, bytes, stream()); }

void CudaBackend::get(const void* from, void* host, std::int64_t bytes) {
  if (bytes > 0)
    check(cudaMemcpyAsync(host, from, static_cast<std::size_t>(bytes), cudaMemcpyDeviceToHost, stream()),
          "cudaMemcpyAsync");
  check(cudaStreamSynchronize(stream()), "cudaStreamSynchronize");
}

std::byte* CudaBackend::scratch(std::int64_t bytes) {
  Lane& on = lane();
  if (bytes > on.scratch_bytes) {
    // The old one may be in use, and to free it would wait for all of the GPU's streams: for messages of other ranks,
    // too.
    if (on.scratch) on.outgrown.push_back(std::move(on.scratch));
    on.scratch_bytes = 0;
    on.scratch = new_device_memory(bytes);
    on.scratch_bytes = bytes;
  }
  return on.scratch.get();
}

MatrixProducts& CudaBackend::products() {
  if (!lane().products) lane().products = std::make_unique<MatrixProducts>(device_, stream());
  return *lane().products;
}

void CudaBackend::use_lane(int number) {
  check(cudaSetDevice(device_), "cudaSetDevice");
  in_use_ = static_cast<std::size_t>(number);
  if (lanes_.size() <= in_use_) lanes_.resize(in_use_ + 1);
  if (!lane().stream) lane().stream = new_stream();
}

Mark CudaBackend::mark() {
  if (marked_ == marks_.size()) marks_.push_back(new_event(/*with_time=*/true));
  check(cudaEventRecord(marks_[marked_].get(), stream()), "cudaEventRecord");
  return {static_cast<std::int64_t>(marked_++)};
}

void CudaBackend::follow(Mark mark) {
  check(cudaStreamWaitEvent(stream(), marks_[static_cast<std::size_t>(mark.value)].get()), "cudaStreamWaitEvent");
}

// Other ranks may use this GPU, too.
void CudaBackend::finish() {
  for (const Lane& one : lanes_) {
    if (one.stream) check(cudaStreamSynchronize(one.stream.get()), "cudaStreamSynchronize");
  }
}

// The origin is reached before this returns, so that all that any lane does from here on comes after it.
std::chrono::steady_clock::time_point CudaBackend::start_clock() {
  finish();
  for (Lane& one : lanes_) one.outgrown.clear();
  lists_.forget_outgrown();
  if (marks_.empty()) marks_.push_back(new_event(/*with_time=*/true));
  check(cudaEventRecord(marks_[0].get(), lanes_[0].stream.get()), "cudaEventRecord");
  check(cudaEventSynchronize(marks_[0].get()), "cudaEventSynchronize");
  marked_ = 1;
  return std::chrono::steady_clock::now();
}

std::chrono::nanoseconds CudaBackend::reached(Mark mark) {
  if (mark.value == 0) return {};
  const cudaEvent_t event = marks_[static_cast<std::size_t>(mark.value)].get();
  check(cudaEventSynchronize(event), "cudaEventSynchronize");
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, marks_[0].get(), event), "cudaEventElapsedTime");
  return std::chrono::nanoseconds(std::llround(static_cast<double>(milliseconds) * 1e6));
}

}  // namespace forerun::cuda

namespace forerun {

bool built_with_cuda() { return true; }

int cuda_devices() {
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess) return count;
  cudaGetLastError();
  return 0;
}

std::string cuda_device_name(int device) {
  cudaDeviceProp properties{};
  cuda::check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  return properties.name;
}

std::unique_ptr<Backend> make_cuda_backend(int device) {
  int count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count); error != cudaSuccess) {
    cudaGetLastError();
    throw std::runtime_error(std::string("no GPU can be used (is a driver of NVIDIA there?): ") +
                             cudaGetErrorString(error));
  }
  if (device < 0 || device >= count)
    throw std::runtime_error("there is no GPU " + std::to_string(device) + ": this machine has " +
                             std::to_string(count));
  return std::make_unique<cuda::CudaBackend>(device);
}

}  // namespace forerun
