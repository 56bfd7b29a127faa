// Does a block that is trained in parts compute, keep and own what is trained, and nothing for what is not?
#include "workloads/jobs/tuning.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/files/yaml.hpp"
#include "workloads/jobs/job_fields.hpp"
#include "workloads/operators/operators.hpp"

namespace forerun {
namespace {

using testing::HasSubstr;
using enum LowRankTarget;

// Hidden 64; queries 64 wide, keys and values 32; feed-forward 256, gated. 100 tokens.
constexpr std::int64_t tokens = 100, hidden = 64, key = 32, width = 256;
const Block block{.hidden = 64,
                  .mixer = Attention{.heads = 4, .kv_heads = 2, .head_dim = 16},
                  .feed_forward = Mlp{.width = 256, .gated = true}};
const Model model{.name = "toy", .hidden = 64, .vocab = 1000, .max_positions = 4096, .blocks = {block, block, block}};

std::vector<Operator> tuned(const Tuning& tuning, int cuts = 1, DType linear = DType::bf16) {
  TokenShape shape{.sequences = {{1, tokens, tokens}}, .tokens = tokens, .residual_tokens = tokens};
  shape.cuts = cuts;
  return block_operators(model, block, shape, {.linear = linear, .saved_input = linear, .tuning = tuning});
}

std::int64_t trained(const std::vector<Operator>& list) {
  std::int64_t sum = 0;
  for (const Operator& op : list) sum += op.parameters;
  return sum;
}
std::int64_t frozen(const std::vector<Operator>& list) {
  std::int64_t sum = 0;
  for (const Operator& op : list) sum += op.frozen;
  return sum;
}
const Operator& only(const std::vector<Operator>& list, OperatorKind kind) {
  return *std::find_if(list.begin(), list.end(), [&](const Operator& op) { return op.kind == kind; });
}
bool keeps(const std::vector<Operator>& list, std::string_view name) {
  for (const Operator& op : list) {
    for (const SavedTensor& saved : op.saves) {
      if (saved.name == name) return true;
    }
  }
  return false;
}

const Tuning full{}, qkv{.kind = TuningKind::lora, .rank = 8, .target = {linear_qkv}};

TEST(LowRank, OwnsItsFactorsAndFreezesTheBase) {
  EXPECT_EQ(trained(tuned(qkv)), 8 * (hidden + hidden + 2 * key));  // one A; B for queries, keys and values
  EXPECT_EQ(trained(tuned({.kind = TuningKind::lora, .rank = 8, .target = {q_proj, v_proj}})),
            8 * (hidden + hidden) + 8 * (hidden + key));
  EXPECT_EQ(trained(tuned({.kind = TuningKind::lora, .rank = 8, .target = {gate_proj, down_proj}})),
            2 * 8 * (hidden + width));
  EXPECT_EQ(trained(tuned({.kind = TuningKind::lora, .rank = 8, .target = {linear_fc1}})), 8 * (hidden + 2 * width));
  for (const Tuning& tuning : {qkv, Tuning{.kind = TuningKind::adapter, .width = 4}})
    EXPECT_EQ(frozen(tuned(tuning)), block_parameters(model, block));
}

TEST(LowRank, OfHalfASquareMatrixHasItsParameters) {  // I-41
  EXPECT_EQ(trained(tuned({.kind = TuningKind::lora, .rank = hidden / 2, .target = {o_proj}})), hidden * hidden);
}

TEST(LowRank, RunsTwoThinProductsForwardAndFourBackward) {
  const double base = forward_flops(tuned(full)).value(), thin = 2.0 * tokens * 8 * (hidden + hidden + 2 * key);
  EXPECT_EQ(forward_flops(tuned(qkv)).value(), base + thin);
  double products = 0;  // of the weights: B costs as much as forward, W as well, and only the factors have it
  for (const std::int64_t n : {hidden * (hidden + 2 * key), hidden * hidden, 3 * hidden * width})
    products += 2.0 * tokens * static_cast<double>(n);
  EXPECT_EQ(backward_flops(tuned(qkv)).value(), backward_flops(tuned(full)).value() - products + 2 * thin);
}

TEST(LowRank, KeepsInputsOfFactorsOnly) {
  EXPECT_TRUE(keeps(tuned(full), "feed-forward input"));
  EXPECT_TRUE(keeps(tuned(qkv), "attention input"));
  EXPECT_FALSE(keeps(tuned(qkv), "feed-forward input"));
  EXPECT_FALSE(keeps(tuned(qkv), "activation output"));
  // Beside the input, tokens x rank of 2 bytes.
  const Tuning two{.kind = TuningKind::lora, .rank = 8, .target = {linear_qkv, linear_fc2}};
  EXPECT_EQ(saved_bytes(tuned(two)).value() - saved_bytes(tuned(qkv)).value(), 2.0 * tokens * (width + 8));
}

TEST(LowRank, FactorsTakeTheirInputInTheActivationsFormat) {
  const auto bytes = [](const Tuning& tuning) {
    return only(tuned(tuning, 1, DType::fp8), OperatorKind::qkv).saves.front().bytes.value();
  };
  EXPECT_EQ(bytes(full), 1.0 * tokens * hidden);
  EXPECT_EQ(bytes(qkv), 2.0 * tokens * hidden);
}

TEST(LowRank, IsCutAsItsProductIs) {  // the block itself is whole here: only the factors' own cuts show
  EXPECT_EQ(trained(tuned(qkv, 2)), 8 / 2 * hidden + 8 * (hidden + 2 * key));  // A over the rank
  EXPECT_EQ(trained(tuned({.kind = TuningKind::lora, .rank = 8, .target = {linear_proj}}, 2)),
            8 * hidden + 8 * hidden / 2);  // B over the columns
}

TEST(Quantised, BaseTakesFourBitsAndItsScales) {
  EXPECT_EQ(nf4_bytes(64 * 256), 64 * 256 / 2 + 256 + 4);
  EXPECT_EQ(nf4_bytes(1), 1 + 1 + 4);
  // In 2-byte elements, each matrix by itself: qkv 64 x 128, output 64 x 64, gate and up 64 x 512, down 256 x 64; norms
  // stay as they are.
  const auto words = [](std::int64_t n) { return (n / 2 + n / 64 + 4 * ((n + 16383) / 16384)) / 2; };
  EXPECT_EQ(frozen(tuned({.kind = TuningKind::qlora, .rank = 8, .target = {linear_qkv}})),
            words(64 * 128) + words(64 * 64) + words(64 * 512) + words(256 * 64) + 2 * hidden);
}

TEST(Quantised, WeightsAreWidenedBeforeEachUse) {
  const Operator op =
      only(tuned({.kind = TuningKind::qlora, .rank = 8, .target = {linear_qkv}}), OperatorKind::attention_output);
  const Streaming widen{StreamingKind::cast, Bytes{(64 * 64 / 2 + 64 + 4) + 2.0 * 64 * 64}};
  EXPECT_EQ(std::get<Streaming>(op.forward.front()), widen);
  EXPECT_EQ(std::get<Streaming>(op.input_gradient.front()), widen);
  EXPECT_EQ(op.workspace.value(), 2.0 * 64 * 64);
  EXPECT_TRUE(op.weight_gradient.empty());
}

TEST(Adapters, AreTwoBottlenecksWithBiases) {
  const auto list = tuned({.kind = TuningKind::adapter, .width = 4});
  EXPECT_EQ(trained(list), 2 * (2 * hidden * 4 + 4 + hidden));
  EXPECT_EQ(
      std::count_if(list.begin(), list.end(), [](const Operator& op) { return op.kind == OperatorKind::adapter; }), 2);
  EXPECT_EQ(forward_flops(list).value(), forward_flops(tuned(full)).value() + 2 * 2 * 2.0 * tokens * hidden * 4);
}

TEST(Frozen, BlocksBelowTheTrainedOnesRunForwardOnly) {
  Model part = model;
  freeze_blocks({.kind = TuningKind::frozen, .trainable_blocks = 1}, part);
  EXPECT_TRUE(part.blocks[0].frozen && part.blocks[1].frozen && !part.blocks[2].frozen);
  const TokenShape shape{.sequences = {{1, tokens, tokens}}, .tokens = tokens, .residual_tokens = tokens};
  const auto below =
      block_operators(part, part.blocks[0], shape, {.tuning = {.kind = TuningKind::frozen, .trainable_blocks = 1}});
  EXPECT_EQ(forward_flops(below).value(), forward_flops(tuned(full)).value());
  EXPECT_EQ(backward_flops(below).value(), 0);
  EXPECT_EQ(saved_bytes(below).value(), 0);
  EXPECT_EQ(trained(below), 0);
}

TEST(Frozen, EmbeddingAndHead) {
  const TokenShape shape{.sequences = {{1, tokens, tokens}}, .tokens = tokens, .residual_tokens = tokens};
  const auto head = [&](bool train) {
    return head_operators(model, 1000, shape,
                          {.tuning = {.kind = TuningKind::frozen, .trainable_blocks = 1, .train_head = train}});
  };
  EXPECT_EQ(trained(head(true)), 1000 * hidden + hidden);
  EXPECT_EQ(trained(head(false)), 0);
  EXPECT_EQ(backward_flops(head(true)).value(), 2 * backward_flops(head(false)).value());  // B alone
  EXPECT_EQ(frozen(embedding_operators(model, 1000, shape, {.tuning = qkv})), 1000 * hidden);
}

// --- reading

Job job(const std::string& text) {
  const auto document = YamlDocument::parse(text, "job.yaml");
  const Job read = job_fields().read(document->root());
  EXPECT_TRUE(document->problems().empty()) << to_string(document->problems());
  return read;
}
std::string problems(const std::string& text) {
  const auto document =
      YamlDocument::parse("{kind: finetune, sequence: 16, global_batch: 2, " + text + "}", "job.yaml");
  static_cast<void>(job_fields().read(document->root()));
  return to_string(document->problems());
}

TEST(Tuning, ReadsBackEqual) {
  for (const Tuning& tuning : {full, qkv, Tuning{.kind = TuningKind::qlora, .rank = 64, .target = {q_proj, down_proj}},
                               Tuning{.kind = TuningKind::adapter, .width = 64},
                               Tuning{.kind = TuningKind::frozen, .trainable_blocks = 2, .train_head = false}}) {
    const Job written{.kind = JobKind::finetune, .sequence = 16, .global_batch = 2, .tuning = tuning};
    EXPECT_EQ(job(fields::flow_yaml(job_fields().write(written))), written);
  }
}

TEST(Tuning, MistakesHaveTheirPlaceAndAHint) {
  EXPECT_THAT(problems("tuning: lorra"), HasSubstr("did you mean 'lora'?"));
  EXPECT_THAT(problems("tuning: lora, target: [q_porj]"), HasSubstr("did you mean 'q_proj'?"));
  EXPECT_THAT(problems("tuning: lora, target: [q_proj, q_proj]"), HasSubstr("target q_proj twice"));
  EXPECT_THAT(problems("tuning: lora, rank: 0"), HasSubstr("job.yaml:1:69: error"));
  EXPECT_THAT(problems("tuning: full, rank: 8"), HasSubstr("tuning full has no rank"));
  EXPECT_THAT(problems("tuning: adapter"), HasSubstr("width"));
  EXPECT_THAT(problems("tuning: qlora, dtype: fp8"), HasSubstr("not in fp8"));
}

std::string reasons(const Tuning& tuning, Model changed = model) { return to_string(check(tuning, changed)); }

TEST(Tuning, WhatAModelCannotDoIsRefused) {
  EXPECT_EQ(reasons(qkv), "");
  EXPECT_THAT(reasons({.kind = TuningKind::lora, .rank = 8, .target = {q_proj, linear_qkv}}),
              HasSubstr("target q_proj is a part of linear_qkv"));
  EXPECT_THAT(reasons({.kind = TuningKind::frozen, .trainable_blocks = 4}),
              HasSubstr("4 trainable blocks, but toy has 3"));
  EXPECT_THAT(reasons({.kind = TuningKind::frozen, .train_head = false}), HasSubstr("nothing is trained"));
  Model tied = model, latent = model;
  tied.tied_embeddings = true;
  latent.blocks[0].attention()->latent = Latent{};
  EXPECT_THAT(reasons({.kind = TuningKind::frozen}, tied), HasSubstr("the head of toy is its embedding"));
  EXPECT_THAT(reasons(qkv, latent), HasSubstr("latent attention are not modelled"));
}

}  // namespace
}  // namespace forerun
