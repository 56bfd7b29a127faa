// The CUDA backend: lanes are streams, marks are events. For sources of runtime/cuda.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/backend.hpp"
#include "runtime/cuda/resources.hpp"
#include "runtime/cuda/staging.hpp"

namespace forerun::cuda {

class MatrixProducts;

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(int device);
  ~CudaBackend() override;

  [[nodiscard]] int device() const { return device_; }
  [[nodiscard]] cudaStream_t stream() const { return lane().stream.get(); }  // of the lane in use

  // Memory that a call's kernels share, of at least so many bytes: free once they are in line. Each lane has its own.
  [[nodiscard]] std::byte* scratch(std::int64_t bytes);
  [[nodiscard]] MatrixProducts& products();  // of the lane in use
  [[nodiscard]] ListRing& lists() { return lists_; }

  [[nodiscard]] std::string_view name() const override { return "cuda"; }
  [[nodiscard]] bool queues() const override { return true; }

  void* take(std::int64_t bytes) override;
  void give_back(void*, std::int64_t bytes) noexcept override;
  void copy(const void* from, void* to, std::int64_t bytes) override;
  void copy_rows(std::int64_t rows, std::int64_t bytes, const void* from, std::int64_t from_stride, void* to,
                 std::int64_t to_stride) override;
  void clear(void*, std::int64_t bytes) override;
  void put(const void* host, void* to, std::int64_t bytes) override;
  void get(const void* from, void* host, std::int64_t bytes) override;

  void use_lane(int) override;
  Mark mark() override;
  void follow(Mark) override;
  void finish() override;
  std::chrono::steady_clock::time_point start_clock() override;
  [[nodiscard]] std::chrono::nanoseconds reached(Mark) override;

 private:
  struct Lane {
    Stream stream;
    DeviceMemory scratch;
    std::vector<DeviceMemory> outgrown;  // until nothing is in line
    std::int64_t scratch_bytes = 0;
    std::unique_ptr<MatrixProducts> products;  // once there is one
  };

  [[nodiscard]] Lane& lane() { return lanes_[in_use_]; }
  [[nodiscard]] const Lane& lane() const { return lanes_[in_use_]; }

  Operators<double>& in_fp64() override { return *fp64_; }
  Operators<float>& in_fp32() override { return *fp32_; }
  Operators<BFloat16>& in_bf16() override { return *bf16_; }

  int device_;
  std::vector<Lane> lanes_;
  std::size_t in_use_ = 0;
  std::vector<Event> marks_;  // those of the step, and more from steps before; the first is the clock's origin
  std::size_t marked_ = 1;
  Staging staging_;
  ListRing lists_;
  std::unique_ptr<Operators<double>> fp64_;
  std::unique_ptr<Operators<float>> fp32_;
  std::unique_ptr<Operators<BFloat16>> bf16_;
};

}  // namespace forerun::cuda
