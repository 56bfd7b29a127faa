// The CPU's backend: memory, order and time of the thread that calls it.
#include <cstring>
#include <new>

#include "runtime/allocator.hpp"
#include "runtime/backend.hpp"
#include "runtime/cpu_operators.hpp"
#include "runtime/machine/interval.hpp"

namespace forerun {
namespace {

class CpuBackend final : public Backend {
 public:
  [[nodiscard]] std::string_view name() const override { return "cpu"; }
  [[nodiscard]] bool queues() const override { return false; }

  void* take(std::int64_t bytes) override {
    return ::operator new(static_cast<std::size_t>(bytes), std::align_val_t{Allocator::alignment});
  }
  void give_back(void* data, std::int64_t /*bytes*/) noexcept override {
    ::operator delete(data, std::align_val_t{Allocator::alignment});
  }
  void copy(const void* from, void* to, std::int64_t bytes) override {
    if (bytes > 0) std::memmove(to, from, static_cast<std::size_t>(bytes));
  }
  void copy_rows(std::int64_t rows, std::int64_t bytes, const void* from, std::int64_t from_stride, void* to,
                 std::int64_t to_stride) override {
    for (std::int64_t i = 0; i < rows; ++i)
      copy(static_cast<const std::byte*>(from) + i * from_stride, static_cast<std::byte*>(to) + i * to_stride, bytes);
  }
  void clear(void* to, std::int64_t bytes) override {
    if (bytes > 0) std::memset(to, 0, static_cast<std::size_t>(bytes));
  }
  void put(const void* host, void* to, std::int64_t bytes) override { copy(host, to, bytes); }
  void get(const void* from, void* host, std::int64_t bytes) override { copy(from, host, bytes); }

  void use_lane(int) override {}
  Mark mark() override { return {(Clock::now() - origin_).count()}; }  // any thread of the rank may ask
  void follow(Mark) override {}
  void finish() override {}
  Clock::time_point start_clock() override { return origin_ = Clock::now(); }
  [[nodiscard]] std::chrono::nanoseconds reached(Mark mark) override { return std::chrono::nanoseconds(mark.value); }

 private:
  Operators<double>& in_fp64() override { return *fp64_; }
  Operators<float>& in_fp32() override { return *fp32_; }
  Operators<BFloat16>& in_bf16() override { return *bf16_; }

  Clock::time_point origin_ = Clock::now();
  std::unique_ptr<Operators<double>> fp64_ = make_cpu_operators<double>();
  std::unique_ptr<Operators<float>> fp32_ = make_cpu_operators<float>();
  std::unique_ptr<Operators<BFloat16>> bf16_ = make_cpu_operators<BFloat16>();
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend() { return std::make_unique<CpuBackend>(); }

}  // namespace forerun
