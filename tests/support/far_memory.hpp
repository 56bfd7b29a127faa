// A backend whose memory the host cannot touch, as a GPU's: the CPU's, under addresses that no process has.
#pragma once

#include <cstdint>
#include <memory>

#include "runtime/backend.hpp"
#include "tests/support/far_operators.hpp"

namespace forerun::test {

class FarMemory final : public Backend {
 public:
  [[nodiscard]] std::string_view name() const override { return "far"; }
  [[nodiscard]] bool queues() const override { return false; }

  void* take(std::int64_t bytes) override { return moved(near_->take(bytes), far_distance); }
  void give_back(void* data, std::int64_t bytes) noexcept override { near_->give_back(here(data), bytes); }
  void copy(const void* from, void* to, std::int64_t bytes) override { near_->copy(here(from), here(to), bytes); }
  void copy_rows(std::int64_t rows, std::int64_t bytes, const void* from, std::int64_t from_stride, void* to,
                 std::int64_t to_stride) override {
    near_->copy_rows(rows, bytes, here(from), from_stride, here(to), to_stride);
  }
  void clear(void* to, std::int64_t bytes) override { near_->clear(here(to), bytes); }
  void put(const void* host, void* to, std::int64_t bytes) override { near_->put(host, here(to), bytes); }
  void get(const void* from, void* host, std::int64_t bytes) override { near_->get(here(from), host, bytes); }

  void use_lane(int lane) override { near_->use_lane(lane); }
  Mark mark() override { return near_->mark(); }
  void follow(Mark mark) override { near_->follow(mark); }
  void finish() override { near_->finish(); }
  std::chrono::steady_clock::time_point start_clock() override { return near_->start_clock(); }
  [[nodiscard]] std::chrono::nanoseconds reached(Mark mark) override { return near_->reached(mark); }

 private:
  Operators<double>& in_fp64() override { return fp64_; }
  Operators<float>& in_fp32() override { return fp32_; }
  Operators<BFloat16>& in_bf16() override { return bf16_; }

  std::unique_ptr<Backend> near_ = make_cpu_backend();
  FarOperators<double> fp64_{near_->operators<double>()};
  FarOperators<float> fp32_{near_->operators<float>()};
  FarOperators<BFloat16> bf16_{near_->operators<BFloat16>()};
};

}  // namespace forerun::test
