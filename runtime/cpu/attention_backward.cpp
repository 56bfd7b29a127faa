#include <cassert>

#include "runtime/cpu/attention_blocks.hpp"
#include "runtime/cpu/exponential.hpp"
#include "runtime/cpu/instantiate.hpp"

namespace forerun {
namespace {

// Sums of products go straight into a gradient of their format, else into a copy of zeros that is added at the end.
template <class T>
Matrix<Arithmetic<T>> sums_of(Matrix<T> gradient, std::int64_t rows, std::int64_t columns, Arithmetic<T>*& scratch) {
  if constexpr (std::is_same_v<T, Arithmetic<T>>) {
    return gradient;
  } else {
    const Matrix<Arithmetic<T>> sums{scratch, columns};
    std::fill_n(scratch, rows * columns, Arithmetic<T>(0));
    scratch += rows * columns;
    return sums;
  }
}
template <class T>
void add_sums(Matrix<Arithmetic<T>> sums, std::int64_t rows, std::int64_t columns, Matrix<T> gradient) {
  if constexpr (!std::is_same_v<T, Arithmetic<T>>) {
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < columns; ++j)
        gradient.row(i)[j] = T(Arithmetic<T>(gradient.row(i)[j]) + sums.row(i)[j]);
    }
  }
}

// P = e^(S - log-sum-exp), D = rowsum(dO O), dS = P (dO V^T - D); dV += P^T dO, dQ += dS K / sqrt(d), dK += dS^T Q /
// sqrt(d).
template <class T>
class Backward {
 public:
  using A = Arithmetic<T>;
  Backward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<const T> out, std::span<const A> log_sum_exp,
           Matrix<const T> dout, Matrix<T> dq, Matrix<T> dk, Matrix<T> dv, A* scratch)
      : s_(s),
        in_(in),
        out_(out),
        log_sum_exp_(log_sum_exp),
        dout_(dout),
        dq_(dq),
        dk_(dk),
        dv_(dv),
        scratch_(scratch) {}

  void kv_head(std::int64_t sequence, int kv_head) {
    A* scratch = scratch_;
    const std::int64_t row = sequence * s_.keys, key_column = std::int64_t{kv_head} * s_.head_dim,
                       value_column = std::int64_t{kv_head} * s_.value_dim;
    k_ = in_arithmetic<T>(columns_from(in_.k, row, key_column), s_.keys, s_.head_dim, scratch);
    v_ = in_arithmetic<T>(columns_from(in_.v, row, value_column), s_.keys, s_.value_dim, scratch);
    const Matrix<T> dk = columns_from(dk_, row, key_column), dv = columns_from(dv_, row, value_column);
    key_sums_ = sums_of(dk, s_.keys, s_.head_dim, scratch);
    value_sums_ = sums_of(dv, s_.keys, s_.value_dim, scratch);
    const int group = s_.heads / s_.kv_heads;
    for (int head = kv_head * group; head < (kv_head + 1) * group; ++head) {
      for (std::int64_t query = 0; query < s_.queries; query += attention_block) {
        block(sequence, head, query, std::min(attention_block, s_.queries - query), scratch);
      }
    }
    add_sums(key_sums_, s_.keys, s_.head_dim, dk);
    add_sums(value_sums_, s_.keys, s_.value_dim, dv);
  }

 private:
  void block(std::int64_t sequence, int head, std::int64_t query, std::int64_t count, A* scratch) const {
    const KeyRange keys = visible_keys(s_, in_, query, count);
    const std::int64_t n = keys.last - keys.first, row = sequence * s_.queries + query;
    if (n == 0) return;
    const std::int64_t query_column = std::int64_t{head} * s_.head_dim, out_column = std::int64_t{head} * s_.value_dim;
    const auto q = in_arithmetic<T>(columns_from(in_.q, row, query_column), count, s_.head_dim, scratch);
    const auto dout = in_arithmetic<T>(columns_from(dout_, row, out_column), count, s_.value_dim, scratch);
    const Matrix<T> dq = columns_from(dq_, row, query_column);
    const Matrix<A> query_sums = sums_of(dq, count, s_.head_dim, scratch);
    const Matrix<const A> k{k_.row(keys.first), k_.stride}, v{v_.row(keys.first), v_.stride};
    const Matrix<A> p{scratch, n}, ds{scratch + count * n, n};

    multiply(Turn::as_is, Turn::transposed, count, n, s_.head_dim, score_scale<T>(s_), q, k, A(0), p);
    multiply(Turn::as_is, Turn::transposed, count, n, s_.value_dim, A(1), dout, v, A(0), ds);
    for (std::int64_t i = 0; i < count; ++i) {
      const KeyRange seen = visible_keys(s_, in_, query + i);
      const T* out = out_.row(row + i) + out_column;
      A delta = 0;
      for (int j = 0; j < s_.value_dim; ++j) delta += dout.row(i)[j] * A(out[j]);
      const A log_sum = log_sum_exp_[static_cast<std::size_t>((row + i) * s_.heads + head)];
      differentiate(p.row(i), ds.row(i), n, {seen.first - keys.first, seen.last - keys.first}, log_sum, delta);
    }
    const Matrix<A> dk{key_sums_.row(keys.first), key_sums_.stride},
        dv{value_sums_.row(keys.first), value_sums_.stride};
    multiply(Turn::transposed, Turn::as_is, n, s_.value_dim, count, A(1), Matrix<const A>(p), dout, A(1), dv);
    multiply(Turn::as_is, Turn::as_is, count, s_.head_dim, n, score_scale<T>(s_), Matrix<const A>(ds), k, A(1),
             query_sums);
    multiply(Turn::transposed, Turn::as_is, n, s_.head_dim, count, score_scale<T>(s_), Matrix<const A>(ds), q, A(1),
             dk);
    add_sums(query_sums, count, s_.head_dim, dq);
  }

  // Scores to probabilities, and the gradient of those to that of the scores; both 0 where nothing is seen.
  static void differentiate(A* p, A* ds, std::int64_t n, KeyRange seen, A log_sum, A delta) {
    for (A* row : {p, ds}) {
      std::fill(row, row + seen.first, A(0));
      std::fill(row + seen.last, row + n, A(0));
    }
    for (std::int64_t j = seen.first; j < seen.last; ++j) {
      p[j] = exponential(p[j] - log_sum);
      ds[j] = p[j] * (ds[j] - delta);
    }
  }

  const AttentionShape& s_;
  const AttentionInput<T>& in_;
  Matrix<const T> out_;
  std::span<const A> log_sum_exp_;
  Matrix<const T> dout_;
  Matrix<T> dq_, dk_, dv_;
  A* scratch_;
  Matrix<const A> k_, v_;            // of the head at hand
  Matrix<A> key_sums_, value_sums_;  // their gradients
};

}  // namespace

template <class T>
void attention_backward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<const T> out,
                        std::span<const Arithmetic<T>> log_sum_exp, Matrix<const T> dout, Matrix<T> dq, Matrix<T> dk,
                        Matrix<T> dv, std::span<Arithmetic<T>> scratch) {
  assert(s.kv_heads > 0 && s.heads % s.kv_heads == 0);
  assert(std::ssize(scratch) >= attention_scratch<T>(s) &&
         std::ssize(log_sum_exp) == s.sequences * s.queries * s.heads);
  Backward<T> backward(s, in, out, log_sum_exp, dout, dq, dk, dv, scratch.data());
  for (std::int64_t sequence = 0; sequence < s.sequences; ++sequence) {
    for (int head = 0; head < s.kv_heads; ++head) backward.kv_head(sequence, head);
  }
}

// NOLINTBEGIN(bugprone-macro-parentheses): the argument is a type
#define FORERUN_ATTENTION_BACKWARD(T)                                                                        \
  template void attention_backward<T>(const AttentionShape&, const AttentionInput<T>&, Matrix<const T>,      \
                                      std::span<const Arithmetic<T>>, Matrix<const T>, Matrix<T>, Matrix<T>, \
                                      Matrix<T>, std::span<Arithmetic<T>>);
// NOLINTEND(bugprone-macro-parentheses)
FORERUN_FOR_EACH_NUMBER(FORERUN_ATTENTION_BACKWARD)

}  // namespace forerun
