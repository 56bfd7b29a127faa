// The operators of a transformer as one table, which each backend fills: all arithmetic on tensors goes through it.
//
// Spans and matrices lie in the backend's memory, but those whose name begins with `host_`. What an operator computes,
// and its shapes, are said where the CPU's is declared (norms.hpp, attention.hpp, ...).
#pragma once

#include <cstdint>
#include <span>

#include "runtime/cpu/adamw.hpp"
#include "runtime/cpu/attention.hpp"
#include "runtime/cpu/cross_entropy.hpp"
#include "runtime/cpu/matrix_product.hpp"
#include "runtime/cpu/number.hpp"
#include "runtime/cpu/rotary.hpp"
#include "runtime/cpu/router.hpp"

namespace forerun {

// A linear layer Y[rows,out] = X[rows,in] W[in,out], contiguous. Cut by columns (out) or by rows (in) over ranks, a
// part's result is a slice, or a partial sum that the ranks add up.
struct LinearShape {
  std::int64_t rows = 0, in = 0, out = 0;
};

template <class T>
class Operators {
 public:
  using A = Arithmetic<T>;
  using In = std::span<const T>;
  using Out = std::span<T>;
  using Sums = std::span<A>;
  using HostInts = std::span<const std::int32_t>;

  virtual ~Operators() = default;
  Operators() = default;
  Operators(const Operators&) = delete;
  Operators& operator=(const Operators&) = delete;

  // --- products (matrix_product.hpp); `add_product` adds op(a) op(b) to sums ---
  virtual void product(Turn, Turn, std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a, Matrix<const T> b,
                       Matrix<T> c) = 0;
  virtual void add_product(Turn, Turn, std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a,
                           Matrix<const T> b, Matrix<A> c) = 0;

  void linear_forward(LinearShape s, In x, In w, Out y) {
    product(Turn::as_is, Turn::as_is, s.rows, s.out, s.in, {x.data(), s.in}, {w.data(), s.out}, {y.data(), s.out});
  }
  // dX[rows,in] = dY W^T.
  void linear_input_gradient(LinearShape s, In dy, In w, Out dx) {
    product(Turn::as_is, Turn::transposed, s.rows, s.in, s.out, {dy.data(), s.out}, {w.data(), s.out},
            {dx.data(), s.in});
  }
  // dW[in,out] += X^T dY.
  void linear_weight_gradient(LinearShape s, In x, In dy, Sums dw) {
    add_product(Turn::transposed, Turn::as_is, s.in, s.out, s.rows, {x.data(), s.in}, {dy.data(), s.out},
                {dw.data(), s.out});
  }

  // --- norms (norms.hpp) ---
  virtual void rms_norm_forward(double epsilon, In x, In w, Out y) = 0;
  virtual void rms_norm_backward(double epsilon, In x, In w, In dy, Out dx, Sums dw) = 0;
  virtual void layer_norm_forward(double epsilon, In x, In w, In b, Out y) = 0;
  virtual void layer_norm_backward(double epsilon, In x, In w, In dy, Out dx, Sums dw, Sums db) = 0;

  // --- activations (activations.hpp) ---
  virtual void gelu_forward(In x, Out y) = 0;
  virtual void gelu_backward(In x, In dy, Out dx) = 0;
  virtual void swiglu_forward(std::int64_t width, In x, Out y) = 0;
  virtual void swiglu_backward(std::int64_t width, In x, In dy, Out dx) = 0;

  // --- sums, formats, rows (elementwise.hpp) ---
  virtual void add(In a, In b, Out sum) = 0;
  virtual void add_sums(std::span<const A> a, std::span<const A> b, Sums sum) = 0;
  virtual void add_rows_of(std::int64_t rows, std::int64_t width, Matrix<const T> x, Matrix<T> sum) = 0;  // sum += x
  virtual void fill_sums(A value, Sums) = 0;
  virtual void narrow(std::span<const A> x, Out y) = 0;
  virtual void gather_rows(std::int64_t width, In x, HostInts host_index, Out y) = 0;

  // --- experts (router.hpp, expert_order.hpp) ---
  virtual void router_forward(RouterShape, In logits, Sums scores, std::span<std::int32_t> chosen, Sums weights) = 0;
  virtual void router_backward(RouterShape, std::span<const A> scores, std::span<const std::int32_t> chosen,
                               std::span<const A> dweights, Out dlogits) = 0;
  virtual void combine_forward(std::int64_t width, int top_k, In x, std::span<const std::int32_t> place,
                               std::span<const A> weights, Out y) = 0;
  virtual void combine_backward(std::int64_t width, int top_k, In x, std::span<const std::int32_t> place,
                                std::span<const A> weights, In dy, Out dx, Sums dweights) = 0;

  // --- embedding (embedding.hpp), rotary positions (rotary.hpp; `table` as fill_rotary_table makes it) ---
  virtual void embedding_forward(std::int64_t width, std::int64_t first, HostInts host_tokens, In table, Out y) = 0;
  virtual void embedding_weight_gradient(std::int64_t width, std::int64_t first, HostInts host_tokens, In dy,
                                         Sums dtable) = 0;
  virtual void rotary_forward(RotaryShape, std::span<const A> table, Matrix<const T> x, Matrix<T> y) = 0;
  virtual void rotary_backward(RotaryShape, std::span<const A> table, Matrix<const T> dy, Matrix<T> dx) = 0;

  // --- attention (attention.hpp). The input's positions are the host's. Scratch: elements, at most what the CPU's
  // needs (attention_scratch) ---
  [[nodiscard]] virtual std::int64_t attention_scratch(const AttentionShape&) const = 0;
  virtual void attention_forward(const AttentionShape&, const AttentionInput<T>&, Matrix<T> out, Sums log_sum_exp,
                                 Sums scratch) = 0;
  virtual void merge_attention(const AttentionShape&, Matrix<const T> out, std::span<const A> log_sum_exp, Sums sum,
                               Sums sum_log_sum_exp) = 0;
  virtual void attention_backward(const AttentionShape&, const AttentionInput<T>&, Matrix<const T> out,
                                  std::span<const A> log_sum_exp, Matrix<const T> dout, Matrix<T> dq, Matrix<T> dk,
                                  Matrix<T> dv, Sums scratch) = 0;

  // --- the loss (cross_entropy.hpp) ---
  virtual void cross_entropy_forward(std::int64_t first, In logits, HostInts host_targets, Sums exponentials,
                                     std::span<LossStatistics<A>> statistics) = 0;
  virtual void cross_entropy_backward(std::int64_t first, int slice, A scale, std::span<const A> exponentials,
                                      std::span<const LossStatistics<A>> statistics, HostInts host_targets,
                                      Out dlogits) = 0;
  // Adds the losses of all rows to a sum that the backend keeps, in double; `losses` has room for one each.
  virtual void add_losses(std::span<const LossStatistics<A>> statistics, Sums losses) = 0;
  [[nodiscard]] virtual double take_losses() = 0;  // that sum, which starts again at 0; waits for it

  // --- the optimiser (adamw.hpp) ---
  virtual void adamw_update(const AdamW&, std::int64_t step, A gradient_scale, std::span<const A> gradient, Sums m,
                            Sums v, Sums master, Out parameters) = 0;
};

}  // namespace forerun
