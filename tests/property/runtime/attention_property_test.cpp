// Is attention the softmax that its formula says, are its gradients those of finite differences, and do pieces add up
// to the whole?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <numeric>

#include "runtime/cpu/attention.hpp"
#include "tests/support/gradients.hpp"

namespace forerun {
namespace {

using namespace test;
using Indices = std::vector<std::int32_t>;
constexpr double never_seen = -std::numeric_limits<double>::infinity();

Indices up_from(int first, std::int64_t count) {
  Indices list(static_cast<std::size_t>(count));
  std::iota(list.begin(), list.end(), first);
  return list;
}

// Tensors as one rank has them: queries, keys and values of a token side by side.
template <class T>
struct Tensors {
  AttentionShape s;
  std::int64_t q_width, k_width, v_width, width, out_width;
  std::vector<T> qkv, out, dqkv;
  std::vector<Arithmetic<T>> lse, scratch;
  Indices positions;

  explicit Tensors(AttentionShape shape, const Numbers& values)
      : s(shape),
        q_width(s.heads * s.head_dim),
        k_width(s.kv_heads * s.head_dim),
        v_width(s.kv_heads * s.value_dim),
        width(q_width + k_width + v_width),
        out_width(s.heads * s.value_dim),
        qkv(as<T>(values)),
        positions(up_from(0, s.keys)) {
    if constexpr (std::is_same_v<T, double>) qkv = values;
    out.resize(static_cast<std::size_t>(s.sequences * s.queries * out_width));
    dqkv.resize(qkv.size());
    lse.resize(static_cast<std::size_t>(s.sequences * s.queries * s.heads));
    scratch.resize(static_cast<std::size_t>(attention_scratch<T>(s)));
  }
  [[nodiscard]] AttentionInput<T> input() const {
    return {{qkv.data(), width},
            {qkv.data() + q_width, width},
            {qkv.data() + q_width + k_width, width},
            positions,
            positions};
  }
  void forward() { attention_forward<T>(s, input(), {out.data(), out_width}, lse, scratch); }
  void backward(const std::vector<T>& dout) {
    attention_backward<T>(s, input(), {out.data(), out_width}, lse, {dout.data(), out_width}, {dqkv.data(), width},
                          {dqkv.data() + q_width, width}, {dqkv.data() + q_width + k_width, width}, scratch);
  }
};

AttentionShape any_shape(int tokens) {
  const int kv_heads = any(1, 3);
  const std::int64_t n = any(1, tokens);
  return {.sequences = any(1, 3),
          .queries = n,
          .keys = n,
          .heads = kv_heads * any(1, 4),
          .kv_heads = kv_heads,
          .head_dim = any(1, 5),
          .value_dim = any(1, 5),
          .window = any(0, 2) * any(1, tokens)};
}
std::int64_t elements(const AttentionShape& s) {
  return s.sequences * s.queries * (s.heads * s.head_dim + s.kv_heads * (s.head_dim + s.value_dim));
}

// softmax(q k / sqrt(d)) v over the keys j with i - window < j <= i, number by number.
Numbers by_formula(const Tensors<double>& t) {
  Numbers out(t.out.size());
  const AttentionShape& s = t.s;
  const AttentionInput<double> in = t.input();
  for (std::int64_t row = 0; row < s.sequences * s.queries; ++row) {
    const std::int64_t i = row % s.queries, start = row - i;
    for (int h = 0; h < s.heads; ++h) {
      const int kv = h * s.kv_heads / s.heads;
      double sum = 0;
      for (std::int64_t j = s.window > 0 ? std::max<std::int64_t>(0, i - s.window + 1) : 0; j <= i; ++j) {
        double score = 0;
        for (int d = 0; d < s.head_dim; ++d)
          score += in.q.row(row)[h * s.head_dim + d] * in.k.row(start + j)[kv * s.head_dim + d];
        const double e = std::exp(score / std::sqrt(s.head_dim));
        sum += e;
        for (int d = 0; d < s.value_dim; ++d)
          out[static_cast<std::size_t>(row * t.out_width + h * s.value_dim + d)] +=
              e * in.v.row(start + j)[kv * s.value_dim + d];
      }
      for (int d = 0; d < s.value_dim; ++d)
        out[static_cast<std::size_t>(row * t.out_width + h * s.value_dim + d)] /= sum;
    }
  }
  return out;
}

RC_GTEST_PROP(Attention, IsWhatItsFormulaSays, ()) {
  const AttentionShape s = any_shape(150);  // more than two blocks of queries
  Tensors<double> t(s, numbers(elements(s)));
  t.forward();
  RC_ASSERT(distance(t.out, by_formula(t)) < 1e-12);
}

RC_GTEST_PROP(Attention, HasTheGradientOfItsFunction, ()) {
  const AttentionShape s = any_shape(9);
  Tensors<double> t(s, numbers(elements(s)));
  const Numbers dout = numbers(std::ssize(t.out));
  t.forward();
  t.backward(dout);
  RC_ASSERT(distance(t.dqkv, differences(t.qkv, [&] { return t.forward(), dot(t.out, dout); })) < close_to_differences);
}

// Blocks of queries, which small shapes do not have: differences along a random direction.
RC_GTEST_PROP(Attention, HasTheSlopeOfItsFunctionAcrossBlocks, ()) {
  const AttentionShape s = any_shape(150);
  Tensors<double> t(s, numbers(elements(s)));
  const Numbers dout = numbers(std::ssize(t.out)), direction = numbers(elements(s)), at = t.qkv;
  t.forward();
  t.backward(dout);
  Numbers step{0};
  const Numbers slope = differences(step, [&] {
    for (std::size_t i = 0; i < at.size(); ++i) t.qkv[i] = at[i] + step[0] * direction[i];
    return t.forward(), dot(t.out, dout);
  });
  RC_ASSERT(std::abs(slope[0] - dot(t.dqkv, direction)) < 1e-6 * (1 + std::abs(slope[0])));
}

// Keys and values of each rank of a ring, one after the other, for the queries of one rank: two pieces of the sequence,
// as ZigZag gives it.
RC_GTEST_PROP(AttentionInPieces, IsTheWhole, ()) {
  AttentionShape s = any_shape(12);
  const std::int64_t ranks = any(1, 5), piece = any(1, 40);
  s.queries = s.keys = 2 * ranks * piece;
  Tensors<double> whole(s, numbers(elements(s)));
  const Numbers dout = numbers(std::ssize(whole.out));
  whole.forward();
  whole.backward(dout);

  const auto places = [&](std::int64_t rank) {
    Indices list = up_from(static_cast<int>(rank * piece), piece);
    for (const int last : up_from(static_cast<int>((2 * ranks - 1 - rank) * piece), piece)) list.push_back(last);
    return list;
  };
  const auto rows_of = [&](const Numbers& from, std::int64_t width, std::int64_t rank) {
    Numbers rows;
    for (std::int64_t sequence = 0; sequence < s.sequences; ++sequence) {
      for (const int place : places(rank)) {
        const auto first = from.begin() + (sequence * s.queries + place) * width;
        rows.insert(rows.end(), first, first + width);
      }
    }
    return rows;
  };
  AttentionShape local = s;
  local.queries = local.keys = 2 * piece;
  std::vector<Tensors<double>> on;
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    on.emplace_back(local, rows_of(whole.qkv, whole.width, rank));
    on.back().positions = places(rank);
  }
  const auto input = [&](const Tensors<double>& queries, const Tensors<double>& keys) {
    const AttentionInput<double> a = queries.input(), b = keys.input();
    return AttentionInput<double>{a.q, b.k, b.v, a.query_positions, b.key_positions};
  };
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    Tensors<double>& mine = on[static_cast<std::size_t>(rank)];
    Numbers sum(mine.out.size()), sum_lse(mine.lse.size(), never_seen);
    for (std::int64_t step = 0; step < ranks; ++step) {
      const Tensors<double>& other = on[static_cast<std::size_t>((rank + step) % ranks)];
      attention_forward<double>(local, input(mine, other), {mine.out.data(), mine.out_width}, mine.lse, mine.scratch);
      merge_attention<double>(local, {mine.out.data(), mine.out_width}, mine.lse, sum, sum_lse);
    }
    RC_ASSERT(distance(sum, rows_of(whole.out, whole.out_width, rank)) < 1e-12);
    mine.out = sum, mine.lse = sum_lse;
    const Numbers local_dout = rows_of(dout, whole.out_width, rank);
    for (std::int64_t step = 0; step < ranks; ++step) {
      Tensors<double>& other = on[static_cast<std::size_t>((rank + step) % ranks)];
      attention_backward<double>(local, input(mine, other), {mine.out.data(), mine.out_width}, mine.lse,
                                 {local_dout.data(), mine.out_width}, {mine.dqkv.data(), mine.width},
                                 {other.dqkv.data() + mine.q_width, mine.width},
                                 {other.dqkv.data() + mine.q_width + mine.k_width, mine.width}, mine.scratch);
    }
  }
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    RC_ASSERT(distance(on[static_cast<std::size_t>(rank)].dqkv, rows_of(whole.dqkv, whole.width, rank)) < 1e-11);
  }
}

// A query before all keys sees nothing: it adds nothing to a sum, and has no gradient.
TEST(AttentionInPieces, OfTheFutureIsNothing) {
  const AttentionShape s{
      .sequences = 1, .queries = 1, .keys = 2, .heads = 1, .kv_heads = 1, .head_dim = 1, .value_dim = 1};
  const Numbers one{1}, two{1, 2};
  const Indices first{0}, later{1, 2};
  const AttentionInput<double> in{{one.data(), 1}, {two.data(), 1}, {two.data(), 1}, first, later};
  Numbers out{7}, lse{7}, sum{0.5}, sum_lse{0.25}, dq{0}, dk{0, 0}, dv{0, 0},
      scratch(static_cast<std::size_t>(attention_scratch<double>(s)));
  attention_forward<double>(s, in, {out.data(), 1}, lse, scratch);
  EXPECT_EQ(out[0], 0);
  EXPECT_EQ(lse[0], never_seen);
  merge_attention<double>(s, {out.data(), 1}, lse, sum, sum_lse);
  EXPECT_EQ(sum[0], 0.5);
  EXPECT_EQ(sum_lse[0], 0.25);
  attention_backward<double>(s, in, {sum.data(), 1}, sum_lse, {one.data(), 1}, {dq.data(), 1}, {dk.data(), 1},
                             {dv.data(), 1}, scratch);
  EXPECT_EQ(dq[0], 0);
  EXPECT_EQ(dk, (Numbers{0, 0}));
}

template <class T>
void check_against_double(double tolerance) {
  const AttentionShape s = any_shape(100);
  Tensors<T> narrow(s, numbers(elements(s)));
  Tensors<double> wide(s, back(narrow.qkv));
  const auto dout = as<T>(numbers(std::ssize(wide.out)));
  narrow.forward(), wide.forward();
  RC_ASSERT(distance(back(narrow.out), wide.out) < tolerance);
  RC_ASSERT(distance(back(narrow.lse), wide.lse) < 1e-5);
  narrow.backward(dout), wide.backward(back(dout));
  RC_ASSERT(distance(back(narrow.dqkv), wide.dqkv) < 4 * tolerance);
}

RC_GTEST_PROP(Attention, IsTheSameFunctionInFp32, ()) { check_against_double<float>(1e-5); }
RC_GTEST_PROP(Attention, IsTheSameFunctionInBf16, ()) { check_against_double<BFloat16>(0x1p-7); }

}  // namespace
}  // namespace forerun
