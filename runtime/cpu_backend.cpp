// The CPU's backend: the functions of this folder, on the thread that calls them.
#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "runtime/allocator.hpp"
#include "runtime/backend.hpp"
#include "runtime/cpu/activations.hpp"
#include "runtime/cpu/elementwise.hpp"
#include "runtime/cpu/embedding.hpp"
#include "runtime/cpu/expert_order.hpp"
#include "runtime/cpu/norms.hpp"
#include "runtime/machine/interval.hpp"

namespace forerun {
namespace {

template <class T>
class CpuOperators final : public Operators<T> {
 public:
  using A = Arithmetic<T>;
  using In = std::span<const T>;
  using Out = std::span<T>;
  using Sums = std::span<A>;
  using Ints = std::span<const std::int32_t>;

  void product(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a,
               Matrix<const T> b, Matrix<T> c) override {
    multiply(turn_a, turn_b, m, n, k, A(1), a, b, A(0), c);
  }
  void add_product(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a,
                   Matrix<const T> b, Matrix<A> c) override {
    multiply(turn_a, turn_b, m, n, k, A(1), a, b, A(1), c);
  }

  void rms_norm_forward(double epsilon, In x, In w, Out y) override { forerun::rms_norm_forward<T>(epsilon, x, w, y); }
  void rms_norm_backward(double epsilon, In x, In w, In dy, Out dx, Sums dw) override {
    forerun::rms_norm_backward<T>(epsilon, x, w, dy, dx, dw);
  }
  void layer_norm_forward(double epsilon, In x, In w, In b, Out y) override {
    forerun::layer_norm_forward<T>(epsilon, x, w, b, y);
  }
  void layer_norm_backward(double epsilon, In x, In w, In dy, Out dx, Sums dw, Sums db) override {
    forerun::layer_norm_backward<T>(epsilon, x, w, dy, dx, dw, db);
  }

  void gelu_forward(In x, Out y) override { forerun::gelu_forward<T>(x, y); }
  void gelu_backward(In x, In dy, Out dx) override { forerun::gelu_backward<T>(x, dy, dx); }
  void swiglu_forward(std::int64_t width, In x, Out y) override { forerun::swiglu_forward<T>(width, x, y); }
  void swiglu_backward(std::int64_t width, In x, In dy, Out dx) override {
    forerun::swiglu_backward<T>(width, x, dy, dx);
  }

  void add(In a, In b, Out sum) override { forerun::add<T>(a, b, sum); }
  void add_sums(std::span<const A> a, std::span<const A> b, Sums sum) override { forerun::add<A>(a, b, sum); }
  void add_rows_of(std::int64_t rows, std::int64_t width, Matrix<const T> x, Matrix<T> sum) override {
    const auto n = static_cast<std::size_t>(width);
    for (std::int64_t i = 0; i < rows; ++i) forerun::add<T>({sum.row(i), n}, {x.row(i), n}, {sum.row(i), n});
  }
  void fill_sums(A value, Sums sums) override { std::ranges::fill(sums, value); }
  void narrow(std::span<const A> x, Out y) override { forerun::narrow<T>(x, y); }
  void gather_rows(std::int64_t width, In x, Ints index, Out y) override {
    forerun::gather_rows<T>(width, x, index, y);
  }

  void router_forward(RouterShape s, In logits, Sums scores, std::span<std::int32_t> chosen, Sums weights) override {
    forerun::router_forward<T>(s, logits, scores, chosen, weights);
  }
  void router_backward(RouterShape s, std::span<const A> scores, Ints chosen, std::span<const A> dweights,
                       Out dlogits) override {
    forerun::router_backward<T>(s, scores, chosen, dweights, dlogits);
  }
  void combine_forward(std::int64_t width, int top_k, In x, Ints place, std::span<const A> weights, Out y) override {
    forerun::combine_forward<T>(width, top_k, x, place, weights, y);
  }
  void combine_backward(std::int64_t width, int top_k, In x, Ints place, std::span<const A> weights, In dy, Out dx,
                        Sums dweights) override {
    forerun::combine_backward<T>(width, top_k, x, place, weights, dy, dx, dweights);
  }

  void embedding_forward(std::int64_t width, std::int64_t first, Ints tokens, In table, Out y) override {
    forerun::embedding_forward<T>(width, first, tokens, table, y);
  }
  void embedding_weight_gradient(std::int64_t width, std::int64_t first, Ints tokens, In dy, Sums dtable) override {
    forerun::embedding_weight_gradient<T>(width, first, tokens, dy, dtable);
  }
  void rotary_forward(RotaryShape s, std::span<const A> table, Matrix<const T> x, Matrix<T> y) override {
    forerun::rotary_forward<T>(s, table, x, y);
  }
  void rotary_backward(RotaryShape s, std::span<const A> table, Matrix<const T> dy, Matrix<T> dx) override {
    forerun::rotary_backward<T>(s, table, dy, dx);
  }

  [[nodiscard]] std::int64_t attention_scratch(const AttentionShape& s) const override {
    return forerun::attention_scratch<T>(s);
  }
  void attention_forward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<T> out, Sums log_sum_exp,
                         Sums scratch) override {
    forerun::attention_forward<T>(s, in, out, log_sum_exp, scratch);
  }
  void merge_attention(const AttentionShape& s, Matrix<const T> out, std::span<const A> log_sum_exp, Sums sum,
                       Sums sum_log_sum_exp) override {
    forerun::merge_attention<T>(s, out, log_sum_exp, sum, sum_log_sum_exp);
  }
  void attention_backward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<const T> out,
                          std::span<const A> log_sum_exp, Matrix<const T> dout, Matrix<T> dq, Matrix<T> dk,
                          Matrix<T> dv, Sums scratch) override {
    forerun::attention_backward<T>(s, in, out, log_sum_exp, dout, dq, dk, dv, scratch);
  }

  void cross_entropy_forward(std::int64_t first, In logits, Ints targets, Sums exponentials,
                             std::span<LossStatistics<A>> statistics) override {
    forerun::cross_entropy_forward<T>(first, logits, targets, exponentials, statistics);
  }
  void cross_entropy_backward(std::int64_t first, int slice, A scale, std::span<const A> exponentials,
                              std::span<const LossStatistics<A>> statistics, Ints targets, Out dlogits) override {
    forerun::cross_entropy_backward<T>(first, slice, scale, exponentials, statistics, targets, dlogits);
  }
  void add_losses(std::span<const LossStatistics<A>> statistics, Sums losses) override {
    cross_entropy_losses<A>(statistics, losses);
    for (const A loss : losses) losses_ += static_cast<double>(loss);
  }
  [[nodiscard]] double take_losses() override { return std::exchange(losses_, 0); }

  void adamw_update(const AdamW& how, std::int64_t step, A gradient_scale, std::span<const A> gradient, Sums m, Sums v,
                    Sums master, Out parameters) override {
    forerun::adamw_update<T>(how, step, gradient_scale, gradient, m, v, master, parameters);
  }

 private:
  double losses_ = 0;
};

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
  Operators<double>& in_fp64() override { return fp64_; }
  Operators<float>& in_fp32() override { return fp32_; }
  Operators<BFloat16>& in_bf16() override { return bf16_; }

  Clock::time_point origin_ = Clock::now();
  CpuOperators<double> fp64_;
  CpuOperators<float> fp32_;
  CpuOperators<BFloat16> bf16_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend() { return std::make_unique<CpuBackend>(); }

}  // namespace forerun
