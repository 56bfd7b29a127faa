// The CUDA operators of one number type, for the source that instantiates them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "runtime/cuda/cuda_backend.hpp"
#include "runtime/cuda/cuda_operators.hpp"
#include "runtime/cuda/kernels/attention.hpp"
#include "runtime/cuda/kernels/launch.hpp"
#include "runtime/cuda/kernels/team_operators.hpp"
#include "runtime/cuda/matrix_products.hpp"

namespace forerun::cuda {

// Lists of the host on the device while kernels that read them are put in line; one set at a time.
template <std::size_t count>
class Lists {
 public:
  template <class... List>
  explicit Lists(CudaBackend& on, const List&... lists) : on_(on) {
    const std::array<std::span<const std::byte>, count> bytes{std::as_bytes(std::span(lists))...};
    on.lists().upload(bytes, at_, on.stream());
  }
  ~Lists() { on_.lists().done(on_.stream()); }
  Lists(const Lists&) = delete;
  Lists& operator=(const Lists&) = delete;

  [[nodiscard]] const std::int32_t* operator[](std::size_t i) const {
    return reinterpret_cast<const std::int32_t*>(at_[i]);
  }

 private:
  CudaBackend& on_;
  std::array<const std::byte*, count> at_{};
};
template <class... List>
Lists(CudaBackend&, const List&...) -> Lists<sizeof...(List)>;

// The lane in use (team_launch.hpp).
class LaneMachine {
 public:
  explicit LaneMachine(CudaBackend& on) : on_(&on), losses_(new_device_memory(sizeof(double))) {
    on.clear(losses_.get(), sizeof(double));
  }

  // Whole warps.
  [[nodiscard]] int team(std::int64_t elements, int most) const {
    return static_cast<int>(std::clamp<std::int64_t>((elements + 31) / 32 * 32, 32, most));
  }
  template <class Body>
  void launch(std::int64_t items, int threads, const Body& body) {
    cuda::launch(on_->stream(), items, threads, body);
  }
  [[nodiscard]] std::byte* scratch(std::int64_t bytes) { return on_->scratch(bytes); }
  template <class... List>
  [[nodiscard]] Lists<sizeof...(List)> lists(const List&... lists) {
    return Lists<sizeof...(List)>(*on_, lists...);
  }

  [[nodiscard]] double* losses() { return reinterpret_cast<double*>(losses_.get()); }
  [[nodiscard]] double take_losses() {
    on_->finish();  // whichever lanes they were added on
    double sum = 0;
    on_->get(losses_.get(), &sum, sizeof sum);
    on_->clear(losses_.get(), sizeof sum);
    on_->finish();
    return sum;
  }

 private:
  CudaBackend* on_;
  DeviceMemory losses_;
};

template <class T>
class CudaOperators final : public TeamOperators<T, LaneMachine> {
 public:
  explicit CudaOperators(CudaBackend& on) : TeamOperators<T, LaneMachine>(LaneMachine(on)), on_(on) {}

  void product(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a,
               Matrix<const T> b, Matrix<T> c) override {
    on_.products().multiply(turn_a, turn_b, m, n, k, a, b, /*added=*/false, c);
  }
  void add_product(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a,
                   Matrix<const T> b, Matrix<Arithmetic<T>> c) override {
    on_.products().multiply(turn_a, turn_b, m, n, k, a, b, /*added=*/true, c);
  }

  // That of backward, delta, where the CPU needs as much; else it comes out of the backend's own.
  [[nodiscard]] std::int64_t attention_scratch(const AttentionShape& s) const override {
    const std::int64_t delta = s.sequences * s.queries * s.heads;
    return delta <= forerun::attention_scratch<T>(s) ? delta : 0;
  }
  void attention_forward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<T> out, Sums<T> log_sum_exp,
                         Sums<T> /*scratch*/) override {
    const auto positions = this->machine().lists(in.query_positions, in.key_positions);
    cuda::attention_forward<T>(on_.stream(), s, in, positions[0], positions[1], out, log_sum_exp.data());
  }
  void merge_attention(const AttentionShape& s, Matrix<const T> out, ConstSums<T> log_sum_exp, Sums<T> sum,
                       Sums<T> sum_log_sum_exp) override {
    cuda::merge_attention<T>(on_.stream(), s, out, log_sum_exp.data(), sum.data(), sum_log_sum_exp.data());
  }
  void attention_backward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<const T> out,
                          ConstSums<T> log_sum_exp, Matrix<const T> dout, Matrix<T> dq, Matrix<T> dk, Matrix<T> dv,
                          Sums<T> scratch) override {
    const std::int64_t delta = s.sequences * s.queries * s.heads;
    auto* const room = std::ssize(scratch) >= delta ? scratch.data() : this->template scratch_of<Arithmetic<T>>(delta);
    const auto positions = this->machine().lists(in.query_positions, in.key_positions);
    cuda::attention_backward<T>(on_.stream(), s, in, positions[0], positions[1], out, log_sum_exp.data(), dout, dq, dk,
                                dv, room);
  }

 private:
  CudaBackend& on_;
};

}  // namespace forerun::cuda
