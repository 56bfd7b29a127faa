// Does a model count its parameters, and find its contradictions?
#include "workloads/models/model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace forerun {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

// The course's toy: no norms, no biases, no vocabulary, an MLP four times as wide.
Model toy(int hidden, int heads, int layers) {
  Model model;
  model.name = "toy";
  model.hidden = hidden;
  model.norm = NormKind::none;
  model.positions = Positions::none;
  const Block block{.hidden = hidden,
                    .mixer = Attention{.heads = heads, .kv_heads = heads, .head_dim = hidden / heads},
                    .feed_forward = Mlp{.width = 4 * hidden}};
  model.blocks.assign(static_cast<std::size_t>(layers), block);
  return model;
}

Moe& give_experts(Model& model, const Moe& moe) {
  model.blocks.front().feed_forward = moe;
  return std::get<Moe>(model.blocks.front().feed_forward);
}

std::vector<std::string> messages(const Problems& problems) {
  std::vector<std::string> out;
  for (const auto& problem : problems) out.push_back(problem.message);
  return out;
}

TEST(Parameters, OfTheToyAreTwelveHiddenSquaredABlock) {
  // queries, keys, values, output: 4 D^2; up and down: 2 x D x 4 D.
  EXPECT_EQ(parameter_count(toy(64, 4, 1)), 12 * 64 * 64);
  EXPECT_EQ(parameter_count(toy(64, 4, 5)), 5 * 12 * 64 * 64);
  EXPECT_EQ(active_parameter_count(toy(64, 4, 5)), 5 * 12 * 64 * 64);
}

TEST(Parameters, OfGroupedQueriesShrinkKeysAndValues) {
  Model model = toy(64, 8, 1);
  model.blocks[0].attention()->kv_heads = 2;  // keys and values: 2 of 8 heads
  EXPECT_EQ(mixer_parameters(model, model.blocks[0]), 64 * 64 + 2 * (64 * 64 / 4) + 64 * 64);
}

TEST(Parameters, OfAHeadWiderThanItsShareOfHidden) {
  Model model = toy(64, 4, 1);
  model.blocks[0].attention()->head_dim = 128;
  EXPECT_EQ(mixer_parameters(model, model.blocks[0]), 4 * 64 * (4 * 128));
}

TEST(Parameters, OfBiasesAreTheOutputsOfTheirMatrices) {
  Model model = toy(64, 4, 1);
  Attention& attention = *model.blocks[0].attention();
  attention.kv_heads = 2;
  const auto without = parameter_count(model);
  attention.qkv_bias = true;
  EXPECT_EQ(parameter_count(model) - without, 64 + 32 + 32);
  attention.output_bias = true;
  EXPECT_EQ(parameter_count(model) - without, 64 + 32 + 32 + 64);
  attention.sinks = true;  // one a head
  EXPECT_EQ(parameter_count(model) - without, 64 + 32 + 32 + 64 + 4);
  std::get<Mlp>(model.blocks[0].feed_forward).bias = true;
  EXPECT_EQ(parameter_count(model) - without, 64 + 32 + 32 + 64 + 4 + 4 * 64 + 64);
}

TEST(Parameters, OfAGatedMlpAreThreeMatrices) {
  EXPECT_EQ(feed_forward_parameters(64, Mlp{.width = 100, .gated = true}), 3 * 64 * 100);
  EXPECT_EQ(feed_forward_parameters(64, Mlp{.width = 100, .gated = true, .bias = true}), 3 * 64 * 100 + 2 * 100 + 64);
}

TEST(Parameters, OfNormsFollowTheirKind) {
  Model model = toy(64, 4, 2);
  const auto bare = parameter_count(model);
  const int norms = 2 * 2 + 1;  // two a block and the final one
  model.norm = NormKind::rms;
  EXPECT_EQ(parameter_count(model) - bare, norms * 64);
  model.norm = NormKind::layer_no_bias;
  EXPECT_EQ(parameter_count(model) - bare, norms * 64);
  model.norm = NormKind::layer;
  EXPECT_EQ(parameter_count(model) - bare, norms * 2 * 64);
  model.final_norm = false;
  EXPECT_EQ(parameter_count(model) - bare, (norms - 1) * 2 * 64);
  model.blocks[0].attention()->qk_norm = true;  // a norm of head_dim = 16 for queries, another for keys
  EXPECT_EQ(parameter_count(model) - bare, (norms - 1) * 2 * 64 + 2 * 2 * 16);
}

TEST(Parameters, OfAVocabularyCountATiedHeadOnce) {
  Model model = toy(64, 4, 1);
  const auto bare = parameter_count(model);
  model.vocab = 1000;
  EXPECT_EQ(parameter_count(model) - bare, 2 * 1000 * 64);
  model.tied_embeddings = true;
  EXPECT_EQ(parameter_count(model) - bare, 1000 * 64);
  model.max_positions = 128;  // only learned positions have a table
  EXPECT_EQ(parameter_count(model) - bare, 1000 * 64);
  model.positions = Positions::learned;
  model.extra_positions = 2;
  EXPECT_EQ(embedding_parameters(model), (1000 + 128 + 2) * 64);
  EXPECT_EQ(head_parameters(model), 0);
}

TEST(Parameters, OfAMixtureAreActiveForTheChosenExperts) {
  Model model = toy(64, 4, 1);
  const auto attention = mixer_parameters(model, model.blocks[0]);
  auto& moe = give_experts(model, {.experts = 8, .top_k = 2, .width = 100, .gated = true});
  EXPECT_EQ(parameter_count(model), attention + 8 * (3 * 64 * 100) + 64 * 8);
  EXPECT_EQ(active_parameter_count(model), attention + 2 * (3 * 64 * 100) + 64 * 8);  // the router sees all

  moe.shared_width = 50;
  EXPECT_EQ(active_parameter_count(model), attention + 2 * (3 * 64 * 100) + 64 * 8 + 3 * 64 * 50);
  moe.shared_gate = true;
  moe.router_bias = true;
  EXPECT_EQ(active_parameter_count(model), attention + 2 * (3 * 64 * 100) + 64 * 8 + 3 * 64 * 50 + 64 + 8);
  EXPECT_TRUE(is_mixture(model));
  EXPECT_FALSE(is_mixture(toy(64, 4, 1)));
}

TEST(Parameters, OfLatentAttention) {
  Model model = toy(64, 4, 1);
  model.norm = NormKind::rms;
  Block& block = model.blocks[0];
  block.mixer =
      Attention{.heads = 4,
                .kv_heads = 4,
                .head_dim = 24,
                .latent = Latent{.query_rank = 20, .kv_rank = 10, .nope_dim = 16, .rope_dim = 8, .value_dim = 12}};
  const int queries = 64 * 20 + 20 + 20 * 4 * (16 + 8);            // down, norm, up
  const int keys_values = 64 * (10 + 8) + 10 + 10 * 4 * (16 + 12);  // down with one rotary key, norm, up
  const int output = 4 * 12 * 64;
  EXPECT_EQ(mixer_parameters(model, block), queries + keys_values + output);
  block.attention()->latent->query_rank = 0;
  EXPECT_EQ(mixer_parameters(model, block), 64 * 4 * (16 + 8) + keys_values + output);
}

TEST(Check, FindsNothingWrongWithTheToy) { EXPECT_THAT(check(toy(64, 4, 3)), IsEmpty()); }

TEST(Check, SaysAllContradictionsAtOnce) {
  Model model = toy(64, 4, 3);
  model.blocks[0].attention()->kv_heads = 3;
  model.blocks[1].feed_forward = Moe{.experts = 4, .top_k = 5, .width = 8, .shared_gate = true};
  model.blocks[2].attention()->window = 0;
  model.extra_positions = 2;
  EXPECT_THAT(messages(check(model)),
              ElementsAre(HasSubstr("'extra_positions' without learned"),
                          HasSubstr("block 0: 3 kv_heads do not divide 4 heads"),
                          HasSubstr("block 1: 'top_k' is 5, but there are 4 experts"),
                          HasSubstr("block 1: 'shared_gate' without"), HasSubstr("block 2: 'window' is 0")));
}

TEST(Check, SaysTheProblemOfEqualNeighboursOnce) {
  Model model = toy(64, 4, 80);
  for (auto& block : model.blocks) block.attention()->kv_heads = 3;
  EXPECT_THAT(messages(check(model)), ElementsAre(HasSubstr("blocks 0 to 79: 3 kv_heads")));
}

TEST(Check, RefusesBlocksOfAnotherWidthThanTheModel) {
  Model model = toy(64, 4, 5);
  model.blocks[2].hidden = model.blocks[3].hidden = 32;
  EXPECT_THAT(messages(check(model)), ElementsAre(HasSubstr("blocks 2 to 3: 'hidden' is 32, but the model's is 64")));
}

TEST(Check, RefusesWhatALatentDoesNotModel) {
  const Attention attention{.heads = 4,
                            .kv_heads = 2,
                            .head_dim = 16,
                            .latent = Latent{.kv_rank = 10, .nope_dim = 16, .rope_dim = 8, .value_dim = 12},
                            .qkv_bias = true,
                            .qk_norm = true};
  EXPECT_THAT(messages(check(attention)),
              ElementsAre(HasSubstr("nope_dim + rope_dim is 16 + 8"), HasSubstr("2 kv_heads with a latent"),
                          HasSubstr("'qkv_bias' is not modelled"), HasSubstr("'qk_norm' is not modelled")));
}

TEST(Check, HoldsTheShapesToThePublishedSize) {
  Model model = toy(64, 4, 1);
  const double count = 12 * 64 * 64;
  model.published = PublishedSize{.parameters = count, .uncertainty = 0, .source = "by hand"};
  EXPECT_THAT(check(model), IsEmpty());
  model.published->parameters = count + 1;
  EXPECT_THAT(messages(check(model)),
              ElementsAre(HasSubstr("these shapes make 49152 parameters, but 'parameters' says 49153")));
  model.published->uncertainty = 1;
  EXPECT_THAT(check(model), IsEmpty());
}

TEST(Check, TheLargestSizesFitTheCount) {
  Model model = toy(largest::hidden, 1, largest::blocks);
  for (auto& block : model.blocks) {
    *block.attention() = {
        .heads = largest::heads, .kv_heads = largest::heads, .head_dim = largest::head_dim, .qkv_bias = true};
    block.feed_forward = Moe{
        .experts = largest::experts, .top_k = 1, .width = largest::width, .shared_width = largest::width, .bias = true};
  }
  model.vocab = largest::vocab;
  ASSERT_THAT(check(model), IsEmpty());
  // 1,024 blocks of 4,097 experts of three matrices of 2^37 numbers alone; a sum that wrapped round would be below it.
  EXPECT_GT(static_cast<double>(parameter_count(model)), 1024.0 * 4097 * 3 * 137438953472.0);
  model.blocks.push_back(model.blocks.back());
  EXPECT_THAT(messages(check(model)), ElementsAre(HasSubstr("1025 blocks")));
}

}  // namespace
}  // namespace forerun
