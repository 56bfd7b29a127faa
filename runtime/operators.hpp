// The operators of a transformer as one table, which each backend fills: all arithmetic on tensors goes through it. It
// is cut by kind; fillings of the kinds inherit them virtually, so that they can be joined to one of the whole table.
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

// Operands of operators whose tensors hold numbers T; what is added up is held in T's arithmetic.
template <class T>
using In = std::span<const T>;
template <class T>
using Out = std::span<T>;
template <class T>
using Sums = std::span<Arithmetic<T>>;
template <class T>
using ConstSums = std::span<const Arithmetic<T>>;
template <class T>
using LossRows = std::span<LossStatistics<Arithmetic<T>>>;
template <class T>
using ConstLossRows = std::span<const LossStatistics<Arithmetic<T>>>;
using Indices = std::span<const std::int32_t>;

// A linear layer Y[rows,out] = X[rows,in] W[in,out], contiguous. Cut by columns (out) or by rows (in) over ranks, a
// part's result is a slice, or a partial sum that the ranks add up.
struct LinearShape {
  std::int64_t rows = 0, in = 0, out = 0;
};

// The table, or its operators of one kind. It is not copied.
class OperatorTable {
 public:
  virtual ~OperatorTable() = default;
  OperatorTable() = default;
  OperatorTable(const OperatorTable&) = delete;
  OperatorTable& operator=(const OperatorTable&) = delete;
};

// matrix_product.hpp; `add_product` adds op(a) op(b) to sums.
template <class T>
class ProductOperators : public virtual OperatorTable {
 public:
  virtual void product(Turn, Turn, std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a, Matrix<const T> b,
                       Matrix<T> c) = 0;
  virtual void add_product(Turn, Turn, std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a,
                           Matrix<const T> b, Matrix<Arithmetic<T>> c) = 0;

  void linear_forward(LinearShape s, In<T> x, In<T> w, Out<T> y) {
    product(Turn::as_is, Turn::as_is, s.rows, s.out, s.in, {x.data(), s.in}, {w.data(), s.out}, {y.data(), s.out});
  }
  // dX[rows,in] = dY W^T.
  void linear_input_gradient(LinearShape s, In<T> dy, In<T> w, Out<T> dx) {
    product(Turn::as_is, Turn::transposed, s.rows, s.in, s.out, {dy.data(), s.out}, {w.data(), s.out},
            {dx.data(), s.in});
  }
  // dW[in,out] += X^T dY.
  void linear_weight_gradient(LinearShape s, In<T> x, In<T> dy, Sums<T> dw) {
    add_product(Turn::transposed, Turn::as_is, s.in, s.out, s.rows, {x.data(), s.in}, {dy.data(), s.out},
                {dw.data(), s.out});
  }
};

// norms.hpp.
template <class T>
class NormOperators : public virtual OperatorTable {
 public:
  virtual void rms_norm_forward(double epsilon, In<T> x, In<T> w, Out<T> y) = 0;
  virtual void rms_norm_backward(double epsilon, In<T> x, In<T> w, In<T> dy, Out<T> dx, Sums<T> dw) = 0;
  virtual void layer_norm_forward(double epsilon, In<T> x, In<T> w, In<T> b, Out<T> y) = 0;
  virtual void layer_norm_backward(double epsilon, In<T> x, In<T> w, In<T> dy, Out<T> dx, Sums<T> dw, Sums<T> db) = 0;
};

// Element by element: activations (activations.hpp), sums and formats (elementwise.hpp).
template <class T>
class ElementwiseOperators : public virtual OperatorTable {
 public:
  virtual void gelu_forward(In<T> x, Out<T> y) = 0;
  virtual void gelu_backward(In<T> x, In<T> dy, Out<T> dx) = 0;
  virtual void swiglu_forward(std::int64_t width, In<T> x, Out<T> y) = 0;
  virtual void swiglu_backward(std::int64_t width, In<T> x, In<T> dy, Out<T> dx) = 0;

  virtual void add(In<T> a, In<T> b, Out<T> sum) = 0;
  virtual void add_sums(ConstSums<T> a, ConstSums<T> b, Sums<T> sum) = 0;
  virtual void add_rows_of(std::int64_t rows, std::int64_t width, Matrix<const T> x, Matrix<T> sum) = 0;  // sum += x
  virtual void fill_sums(Arithmetic<T> value, Sums<T>) = 0;
  virtual void narrow(ConstSums<T> x, Out<T> y) = 0;
};

// Token by token, by an index, a choice of experts or a position: rows (elementwise.hpp), experts (router.hpp,
// expert_order.hpp), embedding (embedding.hpp), rotary positions (rotary.hpp; `table` as fill_rotary_table makes it).
template <class T>
class TokenOperators : public virtual OperatorTable {
 public:
  virtual void gather_rows(std::int64_t width, In<T> x, Indices host_index, Out<T> y) = 0;

  virtual void router_forward(RouterShape, In<T> logits, Sums<T> scores, std::span<std::int32_t> chosen,
                              Sums<T> weights) = 0;
  virtual void router_backward(RouterShape, ConstSums<T> scores, Indices chosen, ConstSums<T> dweights,
                               Out<T> dlogits) = 0;
  virtual void combine_forward(std::int64_t width, int top_k, In<T> x, Indices place, ConstSums<T> weights,
                               Out<T> y) = 0;
  virtual void combine_backward(std::int64_t width, int top_k, In<T> x, Indices place, ConstSums<T> weights, In<T> dy,
                                Out<T> dx, Sums<T> dweights) = 0;

  virtual void embedding_forward(std::int64_t width, std::int64_t first, Indices host_tokens, In<T> table,
                                 Out<T> y) = 0;
  virtual void embedding_weight_gradient(std::int64_t width, std::int64_t first, Indices host_tokens, In<T> dy,
                                         Sums<T> dtable) = 0;
  virtual void rotary_forward(RotaryShape, ConstSums<T> table, Matrix<const T> x, Matrix<T> y) = 0;
  virtual void rotary_backward(RotaryShape, ConstSums<T> table, Matrix<const T> dy, Matrix<T> dx) = 0;
};

// attention.hpp. The input's positions are the host's. Scratch: elements, at most what the CPU's needs
// (attention_scratch).
template <class T>
class AttentionOperators : public virtual OperatorTable {
 public:
  [[nodiscard]] virtual std::int64_t attention_scratch(const AttentionShape&) const = 0;
  virtual void attention_forward(const AttentionShape&, const AttentionInput<T>&, Matrix<T> out, Sums<T> log_sum_exp,
                                 Sums<T> scratch) = 0;
  virtual void merge_attention(const AttentionShape&, Matrix<const T> out, ConstSums<T> log_sum_exp, Sums<T> sum,
                               Sums<T> sum_log_sum_exp) = 0;
  virtual void attention_backward(const AttentionShape&, const AttentionInput<T>&, Matrix<const T> out,
                                  ConstSums<T> log_sum_exp, Matrix<const T> dout, Matrix<T> dq, Matrix<T> dk,
                                  Matrix<T> dv, Sums<T> scratch) = 0;
};

// The loss (cross_entropy.hpp) and the optimiser (adamw.hpp).
template <class T>
class TrainingOperators : public virtual OperatorTable {
 public:
  virtual void cross_entropy_forward(std::int64_t first, In<T> logits, Indices host_targets, Sums<T> exponentials,
                                     LossRows<T> statistics) = 0;
  virtual void cross_entropy_backward(std::int64_t first, int slice, Arithmetic<T> scale, ConstSums<T> exponentials,
                                      ConstLossRows<T> statistics, Indices host_targets, Out<T> dlogits) = 0;
  // Adds the losses of all rows to a sum that the backend keeps, in double; `losses` has room for one each.
  virtual void add_losses(ConstLossRows<T> statistics, Sums<T> losses) = 0;
  [[nodiscard]] virtual double take_losses() = 0;  // that sum, which starts again at 0; waits for it

  virtual void adamw_update(const AdamW&, std::int64_t step, Arithmetic<T> gradient_scale, ConstSums<T> gradient,
                            Sums<T> m, Sums<T> v, Sums<T> master, Out<T> parameters) = 0;
};

template <class T>
class Operators : public virtual ProductOperators<T>,
                  public virtual NormOperators<T>,
                  public virtual ElementwiseOperators<T>,
                  public virtual TokenOperators<T>,
                  public virtual AttentionOperators<T>,
                  public virtual TrainingOperators<T> {};

}  // namespace forerun
