// Does a block save the activations that Korthikanti et al. (2022, arXiv 2205.05198, section 4) count?
#include <gtest/gtest.h>

#include <algorithm>

#include "workloads/operators/operators.hpp"

namespace forerun {
namespace {

constexpr std::int64_t s = 4096, b = 1, h = 4096, a = 32;  // E39
constexpr double sbh = static_cast<double>(s * b * h);
constexpr double scores = 5.0 * a * s / h;

Model korthikanti() {
  Model model;
  model.name = "22b-like";
  model.hidden = h;
  model.norm = NormKind::layer;
  model.positions = Positions::learned;
  model.dropout = true;
  return model;
}

// One rank of t: heads and width are cut; rows outside the products only under sequence parallelism.
std::vector<Operator> rank_of(int t, bool sp, AttentionImplementation attention = AttentionImplementation::unfused) {
  const Block block{.hidden = h,
                    .mixer = Attention{.heads = static_cast<int>(a) / t,
                                       .kv_heads = static_cast<int>(a) / t,
                                       .head_dim = static_cast<int>(h / a)},
                    .feed_forward = Mlp{.width = static_cast<int>(4 * h) / t}};
  const TokenShape shape{.sequences = {{b, s, s}}, .tokens = s * b, .residual_tokens = sp ? s * b / t : s * b};
  return block_operators(korthikanti(), block, shape, {.attention = attention});
}

TEST(SavedActivations, OfOneDeviceAre34AndTheScores) {
  EXPECT_EQ(saved_bytes(rank_of(1, false)), Bytes{sbh * (34 + scores)});
  EXPECT_NEAR(saved_bytes(rank_of(1, false)) / 1.0_GiB, 3.031, 0.001);
}

TEST(SavedActivations, OfTensorParallelismKeepTenEverywhere) {
  EXPECT_EQ(saved_bytes(rank_of(8, false)), Bytes{sbh * (10 + 24.0 / 8 + scores / 8)});
  EXPECT_NEAR(saved_bytes(rank_of(8, false)) / 1.0_GiB, 0.5156, 0.0001);
}

TEST(SavedActivations, OfSequenceParallelismAreAllDivided) {
  EXPECT_EQ(saved_bytes(rank_of(8, true)), Bytes{sbh * (34 + scores) / 8});
  EXPECT_NEAR(saved_bytes(rank_of(8, true)) / 1.0_GiB, 0.3789, 0.0001);
}

TEST(SavedActivations, InsideTheCoreAreTheScores) {
  // What selective recompute drops: probabilities, their mask, and the probabilities after it: 2 + 1 + 2 bytes.
  Bytes inside{0};
  for (const Operator& op : rank_of(1, false)) {
    for (const SavedTensor& saved : op.saves)
      inside += saved.internal && saved.producer == OperatorKind::attention_core ? saved.bytes : Bytes{0};
  }
  EXPECT_EQ(inside, Bytes{sbh * scores});
}

TEST(SavedActivations, OfFlashAttentionAreOneStatisticAQueryAndHead) {
  // The probabilities give way to a log-sum-exp of four bytes.
  EXPECT_EQ(saved_bytes(rank_of(1, false, AttentionImplementation::flash)), Bytes{34 * sbh + 4.0 * s * b * a});
}

double saved_by(const std::vector<Operator>& list, OperatorKind keeper) {
  double sum = 0;
  for (const Operator& op : list) {
    for (const SavedTensor& saved : op.saves) sum += op.kind == keeper ? saved.bytes.value() : 0;
  }
  return sum / sbh;
}

TEST(SavedActivations, AreThoseOfThePaperOperatorByOperator) {
  const std::vector<Operator> list = rank_of(1, false);
  EXPECT_EQ(saved_by(list, OperatorKind::attention_norm), 2);
  EXPECT_EQ(saved_by(list, OperatorKind::qkv), 2);                       // their shared input
  EXPECT_EQ(saved_by(list, OperatorKind::attention_core),
            6 + 2 + scores);  // Q, K, V; the output, input of the next product
  EXPECT_EQ(saved_by(list, OperatorKind::attention_residual), 1);       // dropout mask
  EXPECT_EQ(saved_by(list, OperatorKind::feed_forward_norm), 2);
  EXPECT_EQ(saved_by(list, OperatorKind::up), 2);
  EXPECT_EQ(saved_by(list, OperatorKind::activation), 8);
  EXPECT_EQ(saved_by(list, OperatorKind::down), 8);
  EXPECT_EQ(saved_by(list, OperatorKind::feed_forward_residual), 1);
}

TEST(SavedActivations, WithoutDropoutLoseTheMasks) {
  Model model = korthikanti();
  model.dropout = false;
  const Block block{.hidden = h,
                    .mixer = Attention{.heads = a, .kv_heads = a, .head_dim = h / a},
                    .feed_forward = Mlp{.width = 4 * h}};
  const TokenShape shape{.sequences = {{b, s, s}}, .tokens = s, .residual_tokens = s};
  const auto list = block_operators(model, block, shape, {.attention = AttentionImplementation::unfused});
  EXPECT_EQ(saved_bytes(list), Bytes{sbh * (32 + scores * 2 / 5)});
}

TEST(SavedActivations, OfProductsInFp8AreHalved) {
  const Block block{.hidden = h,
                    .mixer = Attention{.heads = a, .kv_heads = a, .head_dim = h / a},
                    .feed_forward = Mlp{.width = 4 * h}};
  const TokenShape shape{.sequences = {{b, s, s}}, .tokens = s, .residual_tokens = s};
  const Implementation wide{.linear = DType::fp8}, narrow{.linear = DType::fp8, .saved_input = DType::fp8};
  // Inputs of qkv (2), up (2) and down (8) shrink from two bytes to one; the core's output stays, backward of attention
  // reads it.
  EXPECT_EQ(saved_bytes(block_operators(korthikanti(), block, shape, wide)) -
                saved_bytes(block_operators(korthikanti(), block, shape, narrow)),
            Bytes{sbh * 6});
}

TEST(SavedActivations, OfAGatedLayerKeepBothHalves) {
  const Block plain{.hidden = h,
                    .mixer = Attention{.heads = a, .kv_heads = a, .head_dim = h / a},
                    .feed_forward = Mlp{.width = 4 * h}};
  Block gated = plain;
  std::get<Mlp>(gated.feed_forward).gated = true;
  const TokenShape shape{.sequences = {{b, s, s}}, .tokens = s, .residual_tokens = s};
  EXPECT_EQ(saved_bytes(block_operators(korthikanti(), gated, shape, {})) -
                saved_bytes(block_operators(korthikanti(), plain, shape, {})),
            Bytes{sbh * 8});
}

TEST(SavedActivations, OfGroupedQueriesKeepFewerKeys) {
  Block block{.hidden = h,
              .mixer = Attention{.heads = a, .kv_heads = a, .head_dim = h / a},
              .feed_forward = Mlp{.width = 4 * h}};
  const TokenShape shape{.sequences = {{b, s, s}}, .tokens = s, .residual_tokens = s};
  const Bytes all = saved_bytes(block_operators(korthikanti(), block, shape, {}));
  block.attention()->kv_heads = 8;  // a quarter of the keys (2) and of the values (2) stays
  EXPECT_EQ(all - saved_bytes(block_operators(korthikanti(), block, shape, {})), Bytes{sbh * 3});
}

TEST(SavedActivations, OfStepsInsteadOfOneKernelKeepWhatEachStepNeeds) {
  Model llama = korthikanti();
  llama.norm = NormKind::rms;
  Block block{.hidden = h,
              .mixer = Attention{.heads = a, .kv_heads = a, .head_dim = h / a},
              .feed_forward = Mlp{.width = 4 * h, .gated = true}};
  const TokenShape shape{.sequences = {{b, s, s}}, .tokens = s, .residual_tokens = s};
  const auto more = [&] {
    return saved_bytes(block_operators(llama, block, shape, {.fused = false})) -
           saved_bytes(block_operators(llama, block, shape, {}));
  };
  EXPECT_EQ(more(), Bytes{sbh * (2 * 4 + 8)});  // fp32 copies for two norms, SiLU(g) of 4 h in 2 bytes
  std::get<Mlp>(block.feed_forward).gated = false;
  EXPECT_EQ(more(), Bytes{sbh * 2 * 4});
  llama.norm = NormKind::layer;  // PyTorch's own kernel reads x itself
  EXPECT_EQ(more(), Bytes{0});
}

TEST(SavedActivations, AreReleasedByTheWeightGradientWhereItNeedsThem) {
  for (const Operator& op : rank_of(1, false)) {
    for (const SavedTensor& saved : op.saves) {
      const bool input_of_product = saved.name == "attention input" || saved.name == "attention output" ||
                                    saved.name == "feed-forward input" || saved.name == "activation output";
      EXPECT_EQ(saved.until_weight_gradient, input_of_product) << saved.name;
    }
  }
}

TEST(WeightGradients, WrittenApartTakeABufferAndAKernelThatAddsThem) {
  const Block block{.hidden = h,
                    .mixer = Attention{.heads = a, .kv_heads = a, .head_dim = h / a},
                    .feed_forward = Mlp{.width = 4 * h}};
  const TokenShape shape{.sequences = {{b, s, s}}, .tokens = s, .residual_tokens = s};
  const auto of_up = [&](const Implementation& how) {
    const auto list = block_operators(korthikanti(), block, shape, how);
    return *std::find_if(list.begin(), list.end(), [](const Operator& op) { return op.kind == OperatorKind::up; });
  };
  const Operator fused = of_up({.gradient = Bytes{4}}), apart = of_up({.gradient = Bytes{4}, .gradients_apart = true});
  EXPECT_EQ(fused.gradient_apart, Bytes{0});
  EXPECT_EQ(apart.gradient_apart, Bytes{2.0 * h * 4 * h});
  ASSERT_EQ(fused.weight_gradient.size(), 1U);
  ASSERT_EQ(apart.weight_gradient.size(), 2U);
  EXPECT_EQ(std::get<Gemm>(fused.weight_gradient[0]).output_size, 4);
  EXPECT_EQ(std::get<Gemm>(apart.weight_gradient[0]).output_size, 2);
  EXPECT_EQ(std::get<Streaming>(apart.weight_gradient[1]).bytes,
            Bytes{(2 + 4 + 4.0) * h * 4 * h});  // reads it, reads and writes the sum
}

}  // namespace
}  // namespace forerun
