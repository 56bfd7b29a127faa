// Do a block's operators compute what the course counts (T2, I-4), for every kind of block?
#include <gtest/gtest.h>

#include "workloads/operators/operators.hpp"

namespace forerun {
namespace {

constexpr std::int64_t B = 3, L = 128, D = 64;
constexpr double tokens = static_cast<double>(B * L);

const TokenShape whole{.sequences = {{B, L, L}}, .tokens = B * L, .residual_tokens = B * L};
const Implementation unfused{.attention = AttentionImplementation::unfused};

Model bare() {
  Model model;
  model.hidden = D;
  model.norm = NormKind::none;
  model.positions = Positions::none;
  return model;
}

Block dense() {
  return {
      .hidden = D, .mixer = Attention{.heads = 4, .kv_heads = 4, .head_dim = 16}, .feed_forward = Mlp{.width = 4 * D}};
}

TEST(BlockFlops, AreThoseOfTheCourse) {
  const auto list = block_operators(bare(), dense(), whole, unfused);
  const double forward = 24.0 * B * L * D * D + 4.0 * B * L * L * D;
  EXPECT_EQ(forward_flops(list), Flops{forward});
  EXPECT_EQ(backward_flops(list), Flops{2 * forward});
}

TEST(BlockFlops, OfTheWeightGradientsAreThoseOfTheProducts) {
  Flops weights{0};
  for (const Operator& op : block_operators(bare(), dense(), whole, unfused)) {
    for (const Kernel& kernel : op.weight_gradient) weights += flops(kernel);
  }
  EXPECT_EQ(weights, Flops{24.0 * B * L * D * D});  // attention has no weights
}

TEST(BlockFlops, OfFlashAttentionSkipTheMaskAndRecomputeTheScores) {
  const double square = 4.0 * B * L * L * D, seen = (L + 1.0) / (2 * L);  // of a causal square
  const auto list = block_operators(bare(), dense(), whole, {});
  EXPECT_NEAR(forward_flops(list) / Flops{24.0 * B * L * D * D + square * seen}, 1, 1e-12);
  EXPECT_NEAR(backward_flops(list) / Flops{48.0 * B * L * D * D + 2.5 * square * seen}, 1, 1e-12);
}

TEST(BlockFlops, OfAWindowAreItsShare) {
  Block block = dense();
  block.attention()->window = 16;
  // 16 queries see 1, 2, ... 16 keys, the others 16.
  const double pairs = 16 * 17 / 2.0 + (L - 16) * 16.0;
  EXPECT_NEAR(
      forward_flops(block_operators(bare(), block, whole, {})) / Flops{24.0 * B * L * D * D + 4.0 * B * D * pairs}, 1,
      1e-12);
}

TEST(BlockFlops, OfAContextParallelRankAreItsQueries) {
  const TokenShape quarter{.sequences = {{B, L, L / 4}}, .tokens = B * L / 4, .residual_tokens = B * L / 4};
  for (const Implementation& how : {unfused, Implementation{}}) {
    EXPECT_NEAR(4 * (forward_flops(block_operators(bare(), dense(), quarter, how)) /
                     forward_flops(block_operators(bare(), dense(), whole, how))),
                1, 1e-12);
  }
}

TEST(BlockFlops, OfAGatedLayerAreThreeMatrices) {
  Block block = dense();
  std::get<Mlp>(block.feed_forward).gated = true;
  EXPECT_EQ(forward_flops(block_operators(bare(), block, whole, unfused)),
            Flops{32.0 * B * L * D * D + 4.0 * B * L * L * D});
}

TEST(BlockFlops, OfGroupedQueriesShrinkKeysAndValues) {
  Block block = dense();
  block.attention()->kv_heads = 1;  // keys and values a quarter as wide; as many scores
  const double projections = 2 * tokens * D * (D + 2 * D / 4.0 + D);
  EXPECT_EQ(forward_flops(block_operators(bare(), block, whole, unfused)),
            Flops{projections + 16 * tokens * D * D + 4.0 * B * L * L * D});
}

TEST(BlockFlops, OfLatentAttentionAreItsFiveProductsAndTwoWidths) {
  Block block = dense();
  const Latent latent{.query_rank = 24, .kv_rank = 20, .nope_dim = 12, .rope_dim = 4, .value_dim = 10};
  *block.attention() = {.heads = 4, .kv_heads = 4, .head_dim = 16, .latent = latent};
  const double queries = D * 24 + 24 * (4 * 16);
  const double keys_and_values = D * (20 + 4) + 20 * (4 * (12 + 10));
  const double output = 4 * 10 * D;
  const double core = 2.0 * B * L * L * 4 * (16 + 10);
  EXPECT_EQ(forward_flops(block_operators(bare(), block, whole, unfused)),
            Flops{2 * tokens * (queries + keys_and_values + output) + core + 16 * tokens * D * D});
  block.attention()->latent->query_rank = 0;
  EXPECT_EQ(forward_flops(block_operators(bare(), block, whole, unfused)),
            Flops{2 * tokens * (D * 64.0 + keys_and_values + output) + core + 16 * tokens * D * D});
}

TEST(BlockFlops, OfExpertsAreThoseOfTheChosen) {
  // E40, E42: D = 4096, 64 experts of 1408, 6 active, no gate: 4 K D H_E a token against 16 D^2 of a dense layer.
  Model model = bare();
  model.hidden = 4096;
  const Moe moe{.experts = 64, .top_k = 6, .width = 1408, .gated = false};
  const TokenShape shape{.sequences = {{1, 4096, 4096}},
                         .tokens = 4096,
                         .residual_tokens = 4096,
                         .routed_tokens = 6 * 4096,
                         .local_experts = 8};
  const Block block{
      .hidden = 4096, .mixer = Attention{.heads = 32, .kv_heads = 32, .head_dim = 128}, .feed_forward = moe};
  double experts = 0, router = 0;
  std::int64_t parameters = 0;
  for (const Operator& op : block_operators(model, block, shape, {})) {
    for (const Kernel& kernel : op.forward) {
      experts += op.kind == OperatorKind::up || op.kind == OperatorKind::down ? flops(kernel).value() : 0;
      router += op.kind == OperatorKind::router ? flops(kernel).value() : 0;
    }
    parameters += op.expert_parameters;
  }
  EXPECT_EQ(experts / 4096, 4.0 * 6 * 4096 * 1408);
  EXPECT_NEAR(experts / 4096, 138.4e6, 0.1e6);
  EXPECT_EQ(router / 4096, 2.0 * 4096 * 64);
  EXPECT_EQ(parameters, 738'197'504 / 8);
}

TEST(BlockFlops, OfASharedExpertAreThoseOfALayerOfItsWidth) {
  Model model = bare();
  const TokenShape shape{
      .sequences = {{B, L, L}}, .tokens = B * L, .residual_tokens = B * L, .routed_tokens = B * L, .local_experts = 4};
  Block block = dense();
  block.feed_forward = Moe{.experts = 4, .top_k = 1, .width = 32};
  const Flops without = forward_flops(block_operators(model, block, shape, {}));
  std::get<Moe>(block.feed_forward).shared_width = 48;
  EXPECT_EQ(forward_flops(block_operators(model, block, shape, {})) - without, Flops{2 * tokens * 3 * D * 48});
}

TEST(Fp8Blocks, CastTheOperandsOfTheirProducts) {
  const auto casts = [](const std::vector<Kernel>& kernels) {
    double bytes = 0;
    for (const Kernel& kernel : kernels) {
      const auto* streaming = std::get_if<Streaming>(&kernel);
      if (streaming != nullptr && streaming->kind == StreamingKind::cast) bytes += streaming->bytes.value();
    }
    return bytes;
  };
  double forward = 0, backward = 0;
  for (const Operator& op : block_operators(bare(), dense(), whole, {.linear = DType::fp8})) {
    forward += casts(op.forward);
    backward += casts(op.input_gradient) + casts(op.weight_gradient);
  }
  // A 16-bit tensor is read (2 bytes) and written twice (1 + 1). Inputs of qkv, output, up: D each; of down: 4 D.
  EXPECT_EQ(forward, 4 * tokens * (3 * D + 4 * D));
  EXPECT_EQ(backward, 4 * tokens * (3 * D + D + 4 * D + D));  // gradients of their outputs
}

TEST(Fp8Blocks, KeepAttentionAndRouterInSixteenBits) {
  Block block = dense();
  block.feed_forward = Moe{.experts = 4, .top_k = 1, .width = 32};
  const TokenShape shape{
      .sequences = {{B, L, L}}, .tokens = B * L, .residual_tokens = B * L, .routed_tokens = B * L, .local_experts = 4};
  for (const Operator& op : block_operators(bare(), block, shape, {.linear = DType::fp8})) {
    for (const Kernel& kernel : op.forward) {
      const auto* core = std::get_if<FusedAttention>(&kernel);
      const auto* gemm = std::get_if<Gemm>(&kernel);
      const DType products = op.kind == OperatorKind::router ? DType::bf16 : DType::fp8;
      EXPECT_TRUE(core == nullptr || core->dtype == DType::bf16);
      EXPECT_TRUE(gemm == nullptr || gemm->dtype == products) << to_string(op.kind);
    }
  }
}

TEST(HeadAndEmbedding, CostOneProductAndTwoLookUps) {
  Model model = bare();
  model.vocab = 1000;
  const auto head = head_operators(model, 1000, whole, {});
  EXPECT_EQ(forward_flops(head), Flops{2 * tokens * D * 1000});
  EXPECT_EQ(backward_flops(head), Flops{4 * tokens * D * 1000});
  EXPECT_EQ(forward_flops(embedding_operators(model, 1000, whole, {})), Flops{0});
  // The head's input and the logits' exponentials in fp32.
  EXPECT_EQ(saved_bytes(head), Bytes{tokens * (2 * D + 4 * 1000)});
}

TEST(HeadAndEmbedding, AreNothingWithoutAVocabulary) {
  EXPECT_TRUE(head_operators(bare(), 0, whole, {}).empty());
  EXPECT_TRUE(embedding_operators(bare(), 0, whole, {}).empty());
}

}  // namespace
}  // namespace forerun
