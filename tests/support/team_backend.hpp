// The operators of GPUs on threads of the host (runtime/cuda/kernels/team_operators.hpp), in the CPU's memory.
// Products and attention are the CPU's.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/backend.hpp"
#include "runtime/cuda/kernels/team_operators.hpp"
#include "tests/support/host_team.hpp"

namespace forerun::test {

class HostMachine {
 public:
  explicit HostMachine(int threads) : threads_(threads) {}

  [[nodiscard]] int team(std::int64_t /*elements*/, int most) const { return std::min(threads_, most); }
  template <class Body>
  void launch(std::int64_t items, int threads, const Body& body) {
    for_each_team_on_host(items, threads, 0, body);
  }
  // Not what was there before.
  [[nodiscard]] std::byte* scratch(std::int64_t bytes) {
    scratch_.assign(static_cast<std::size_t>(bytes) / sizeof(double) + 1, 1e300);
    return reinterpret_cast<std::byte*>(scratch_.data());
  }
  template <class... List>
  [[nodiscard]] std::vector<const std::int32_t*> lists(const List&... lists) {
    return {lists.data()...};
  }
  [[nodiscard]] double* losses() { return &losses_; }
  [[nodiscard]] double take_losses() { return std::exchange(losses_, 0); }

 private:
  int threads_;
  std::vector<double> scratch_;
  double losses_ = 0;
};

template <class T>
class HostTeamOperators final : public cuda::TeamOperators<T, HostMachine> {
 public:
  HostTeamOperators(Backend& cpu, int threads)
      : cuda::TeamOperators<T, HostMachine>(HostMachine(threads)), cpu_(cpu.operators<T>()) {}

  void product(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a,
               Matrix<const T> b, Matrix<T> c) override {
    cpu_.product(turn_a, turn_b, m, n, k, a, b, c);
  }
  void add_product(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a,
                   Matrix<const T> b, Matrix<Arithmetic<T>> c) override {
    cpu_.add_product(turn_a, turn_b, m, n, k, a, b, c);
  }
  [[nodiscard]] std::int64_t attention_scratch(const AttentionShape& s) const override {
    return cpu_.attention_scratch(s);
  }
  void attention_forward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<T> out, Sums<T> log_sum_exp,
                         Sums<T> scratch) override {
    cpu_.attention_forward(s, in, out, log_sum_exp, scratch);
  }
  void merge_attention(const AttentionShape& s, Matrix<const T> out, ConstSums<T> log_sum_exp, Sums<T> sum,
                       Sums<T> sum_log_sum_exp) override {
    cpu_.merge_attention(s, out, log_sum_exp, sum, sum_log_sum_exp);
  }
  void attention_backward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<const T> out,
                          ConstSums<T> log_sum_exp, Matrix<const T> dout, Matrix<T> dq, Matrix<T> dk, Matrix<T> dv,
                          Sums<T> scratch) override {
    cpu_.attention_backward(s, in, out, log_sum_exp, dout, dq, dk, dv, scratch);
  }

 private:
  Operators<T>& cpu_;
};

// All else is the CPU's.
class TeamBackend final : public Backend {
 public:
  explicit TeamBackend(int threads) : fp64_(*cpu_, threads), fp32_(*cpu_, threads), bf16_(*cpu_, threads) {}

  [[nodiscard]] std::string_view name() const override { return "teams"; }
  [[nodiscard]] bool queues() const override { return false; }
  void* take(std::int64_t bytes) override { return cpu_->take(bytes); }
  void give_back(void* data, std::int64_t bytes) noexcept override { cpu_->give_back(data, bytes); }
  void copy(const void* from, void* to, std::int64_t bytes) override { cpu_->copy(from, to, bytes); }
  void copy_rows(std::int64_t rows, std::int64_t bytes, const void* from, std::int64_t from_stride, void* to,
                 std::int64_t to_stride) override {
    cpu_->copy_rows(rows, bytes, from, from_stride, to, to_stride);
  }
  void clear(void* to, std::int64_t bytes) override { cpu_->clear(to, bytes); }
  void put(const void* host, void* to, std::int64_t bytes) override { cpu_->put(host, to, bytes); }
  void get(const void* from, void* host, std::int64_t bytes) override { cpu_->get(from, host, bytes); }
  void use_lane(int lane) override { cpu_->use_lane(lane); }
  Mark mark() override { return cpu_->mark(); }
  void follow(Mark mark) override { cpu_->follow(mark); }
  void finish() override { cpu_->finish(); }
  std::chrono::steady_clock::time_point start_clock() override { return cpu_->start_clock(); }
  [[nodiscard]] std::chrono::nanoseconds reached(Mark mark) override { return cpu_->reached(mark); }

 private:
  Operators<double>& in_fp64() override { return fp64_; }
  Operators<float>& in_fp32() override { return fp32_; }
  Operators<BFloat16>& in_bf16() override { return bf16_; }

  std::unique_ptr<Backend> cpu_ = make_cpu_backend();
  HostTeamOperators<double> fp64_;
  HostTeamOperators<float> fp32_;
  HostTeamOperators<BFloat16> bf16_;
};

}  // namespace forerun::test
