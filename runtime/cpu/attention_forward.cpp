#include <cassert>
#include <limits>

#include "runtime/cpu/attention_blocks.hpp"
#include "runtime/cpu/exponential.hpp"
#include "runtime/cpu/instantiate.hpp"
#include "runtime/cpu/largest.hpp"

namespace forerun {
namespace {

// scores[0 .. n) becomes e^(score - largest) inside the range and 0 outside; returns the sum's logarithm and its
// inverse.
template <class A>
struct RowSum {
  A log, inverse;
};
template <class A>
RowSum<A> soften(A* scores, std::int64_t n, KeyRange seen) {
  std::fill(scores, scores + seen.first, A(0));
  std::fill(scores + seen.last, scores + n, A(0));
  if (seen.first == seen.last) return {-std::numeric_limits<A>::infinity(), 0};
  const A largest = largest_of<A>(scores + seen.first, seen.last - seen.first);
  A sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t j = seen.first; j < seen.last; ++j) {
    scores[j] = exponential(scores[j] - largest);
    sum += scores[j];
  }
  return {largest + std::log(sum), 1 / sum};
}

template <class T>
class Forward {
 public:
  using A = Arithmetic<T>;
  Forward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<T> out, std::span<A> log_sum_exp, A* scratch)
      : s_(s), in_(in), out_(out), log_sum_exp_(log_sum_exp), scratch_(scratch) {}

  void head(std::int64_t sequence, int head) const {
    const int kv_head = head / (s_.heads / s_.kv_heads);
    A* scratch = scratch_;
    const auto k = in_arithmetic<T>(columns_from(in_.k, sequence * s_.keys, std::int64_t{kv_head} * s_.head_dim),
                                    s_.keys, s_.head_dim, scratch);
    const auto v = in_arithmetic<T>(columns_from(in_.v, sequence * s_.keys, std::int64_t{kv_head} * s_.value_dim),
                                    s_.keys, s_.value_dim, scratch);
    for (std::int64_t query = 0; query < s_.queries; query += attention_block) {
      block(sequence, head, query, std::min(attention_block, s_.queries - query), k, v, scratch);
    }
  }

 private:
  void block(std::int64_t sequence, int head, std::int64_t query, std::int64_t count, Matrix<const A> k,
             Matrix<const A> v, A* scratch) const {
    const std::int64_t row = sequence * s_.queries + query;
    const KeyRange keys = visible_keys(s_, in_, query, count);
    const std::int64_t n = keys.last - keys.first;
    const auto q =
        in_arithmetic<T>(columns_from(in_.q, row, std::int64_t{head} * s_.head_dim), count, s_.head_dim, scratch);
    const Matrix<A> scores{scratch, n}, sum{scratch + count * n, s_.value_dim};
    multiply(Turn::as_is, Turn::transposed, count, n, s_.head_dim, score_scale<T>(s_), q, {k.row(keys.first), k.stride},
             A(0), scores);
    A inverses[attention_block];
    for (std::int64_t i = 0; i < count; ++i) {
      const KeyRange seen = visible_keys(s_, in_, query + i);
      const RowSum<A> row_sum = soften(scores.row(i), n, {seen.first - keys.first, seen.last - keys.first});
      log_sum_exp_[static_cast<std::size_t>((row + i) * s_.heads + head)] = row_sum.log;
      inverses[i] = row_sum.inverse;
    }
    multiply(Turn::as_is, Turn::as_is, count, s_.value_dim, n, A(1), Matrix<const A>(scores),
             {v.row(keys.first), v.stride}, A(0), sum);
    for (std::int64_t i = 0; i < count; ++i) {
      T* to = out_.row(row + i) + std::int64_t{head} * s_.value_dim;
      for (int j = 0; j < s_.value_dim; ++j) to[j] = T(sum.row(i)[j] * inverses[i]);
    }
  }

  const AttentionShape& s_;
  const AttentionInput<T>& in_;
  Matrix<T> out_;
  std::span<A> log_sum_exp_;
  A* scratch_;
};

}  // namespace

// Backward needs most: probabilities and their gradient, a block each, and one of sums a query; with operands in
// another format, copies of a head's keys, values, queries and gradients.
template <class T>
std::int64_t attention_scratch(const AttentionShape& s) {
  const std::int64_t block = std::min(attention_block, s.queries), widths = s.head_dim + s.value_dim;
  const std::int64_t scores = 2 * block * s.keys + block * widths + block;
  if constexpr (std::is_same_v<T, Arithmetic<T>>) return scores;
  return scores + (2 * s.keys + 2 * block) * widths;
}

template <class T>
void attention_forward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<T> out,
                       std::span<Arithmetic<T>> log_sum_exp, std::span<Arithmetic<T>> scratch) {
  assert(s.kv_heads > 0 && s.heads % s.kv_heads == 0);
  assert(std::ssize(scratch) >= attention_scratch<T>(s) &&
         std::ssize(log_sum_exp) == s.sequences * s.queries * s.heads);
  const Forward<T> forward(s, in, out, log_sum_exp, scratch.data());
  for (std::int64_t sequence = 0; sequence < s.sequences; ++sequence) {
    for (int head = 0; head < s.heads; ++head) forward.head(sequence, head);
  }
}

// With m = max(a, b): log(e^a + e^b) = m + log(e^(a-m) + e^(b-m)); the outputs are weighted by e^(a-m) and e^(b-m) over
// their sum.
template <class T>
void merge_attention(const AttentionShape& s, Matrix<const T> out, std::span<const Arithmetic<T>> log_sum_exp,
                     std::span<Arithmetic<T>> sum, std::span<Arithmetic<T>> sum_log_sum_exp) {
  using A = Arithmetic<T>;
  const std::int64_t rows = s.sequences * s.queries;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (int head = 0; head < s.heads; ++head) {
      const auto at = static_cast<std::size_t>(row * s.heads + head);
      const A here = sum_log_sum_exp[at], there = log_sum_exp[at], largest = std::max(here, there);
      if (there == -std::numeric_limits<A>::infinity()) continue;
      const A mine = std::exp(here - largest), its = std::exp(there - largest), inverse = 1 / (mine + its);
      const T* from = out.row(row) + std::int64_t{head} * s.value_dim;
      A* to = sum.data() + static_cast<std::int64_t>(at) * s.value_dim;
      for (int j = 0; j < s.value_dim; ++j) to[j] = (mine * to[j] + its * A(from[j])) * inverse;
      sum_log_sum_exp[at] = largest + std::log(mine + its);
    }
  }
}

// NOLINTBEGIN(bugprone-macro-parentheses): the argument is a type
#define FORERUN_ATTENTION_FORWARD(T)                                                                       \
  template std::int64_t attention_scratch<T>(const AttentionShape&);                                       \
  template void attention_forward<T>(const AttentionShape&, const AttentionInput<T>&, Matrix<T>,           \
                                     std::span<Arithmetic<T>>, std::span<Arithmetic<T>>);                  \
  template void merge_attention<T>(const AttentionShape&, Matrix<const T>, std::span<const Arithmetic<T>>, \
                                   std::span<Arithmetic<T>>, std::span<Arithmetic<T>>);
// NOLINTEND(bugprone-macro-parentheses)
FORERUN_FOR_EACH_NUMBER(FORERUN_ATTENTION_FORWARD)

}  // namespace forerun
