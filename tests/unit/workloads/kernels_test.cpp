// Do kernels count what they compute and move?
#include "workloads/operators/kernels.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace forerun {
namespace {

TEST(GemmKernel, IsTwoFlopsAMultiplyAdd) {
  EXPECT_EQ(flops(Gemm{.m = 3, .n = 5, .k = 7, .batch = 2}), Flops{2 * 3 * 5 * 7 * 2});
}

TEST(GemmKernel, MovesEachOperandOnce) {
  // A 3x7 and B 7x5 in two bytes, C 3x5 in four, twice.
  EXPECT_EQ(bytes_moved(Gemm{.m = 3, .n = 5, .k = 7, .batch = 2, .output_size = 4}),
            Bytes{2 * (2 * (3 * 7 + 7 * 5) + 4 * 3 * 5)});
}

TEST(GemmKernel, HasTheIntensityOfTheCourse) {
  // E03: 4096 cubed has MNK / (MK + KN + MN) = 4096 / 3 FLOP/B.
  const Gemm square{.m = 4096, .n = 4096, .k = 4096};
  EXPECT_NEAR(flops(square) / bytes_moved(square) / FlopsPerByte{4096.0 / 3}, 1, 1e-12);
}

TEST(FusedAttentionKernel, HasTwoProductsForwardAndFiveBackward) {
  FusedAttention kernel{
      .sequences = 2, .heads = 3, .kv_heads = 3, .head_dim = 4, .value_dim = 4, .q_len = 6, .kv_len = 5};
  const double product = 2.0 * 2 * 3 * 4 * 6 * 5;
  EXPECT_EQ(flops(kernel), Flops{2 * product});
  kernel.backward = true;
  EXPECT_EQ(flops(kernel), Flops{5 * product});
  kernel.visible = 0.25;
  EXPECT_EQ(flops(kernel), Flops{5 * product / 4});
}

TEST(FusedAttentionKernel, CountsTheTwoWidthsWhereTheyBelong) {
  FusedAttention kernel{
      .sequences = 1, .heads = 1, .kv_heads = 1, .head_dim = 10, .value_dim = 3, .q_len = 1, .kv_len = 1};
  EXPECT_EQ(flops(kernel), Flops{2 * (10 + 3)});  // QK^T is as wide as a key, PV as a value
  kernel.backward = true;
  EXPECT_EQ(flops(kernel), Flops{2 * (3 * 10 + 2 * 3)});  // QK^T, dQ, dK; dP, dV
}

TEST(FusedAttentionKernel, ReadsKeysAndValuesOfItsGroupsOnce) {
  FusedAttention kernel{
      .sequences = 1, .heads = 8, .kv_heads = 2, .head_dim = 4, .value_dim = 4, .q_len = 10, .kv_len = 20};
  const double q = 10 * 8 * 4, kv = 20 * 2 * (4 + 4);
  EXPECT_EQ(bytes_moved(kernel), Bytes{2 * (q + q + kv)});  // queries, outputs
  kernel.backward = true;
  EXPECT_EQ(bytes_moved(kernel), Bytes{2 * (4 * q + 2 * kv)});  // Q, dQ, O, dO; K, V and their gradients
}

TEST(StreamingKernel, MovesItsBytesAndComputesNothing) {
  EXPECT_EQ(bytes_moved(Streaming{StreamingKind::norm, Bytes{12}}), Bytes{12});
  EXPECT_EQ(flops(Streaming{StreamingKind::norm, Bytes{12}}), Flops{0});
}

// Pairs counted one by one: query i is position kv - q + i; it sees itself and what is before, at most `window` of
// them.
double counted_share(int q, int kv, int window) {
  int seen = 0;
  for (int i = 0; i < q; ++i) {
    const int position = kv - q + i;
    for (int key = 0; key < kv; ++key) seen += key <= position && (window == 0 || key > position - window);
  }
  return static_cast<double>(seen) / (q * kv);
}

TEST(VisibleShare, IsThatOfTheMaskCountedPairByPair) {
  for (int kv = 1; kv <= 9; ++kv) {
    for (int q = 1; q <= kv; ++q) {
      for (int window = 0; window <= kv + 2; ++window) {
        EXPECT_NEAR(visible_share(q, kv, window), counted_share(q, kv, window), 1e-12)
            << q << " of " << kv << ", window " << window;
      }
    }
  }
}

TEST(VisibleShare, OfNothingIsNothing) {
  EXPECT_EQ(visible_share(0, 8), 0);
  EXPECT_EQ(visible_share(8, 0), 0);
}

}  // namespace
}  // namespace forerun
