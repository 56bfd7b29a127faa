// Does every key of a model and of its blocks count?
#include "workloads/models/model_fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/field_changes.hpp"
#include "workloads/models/block_fields.hpp"

namespace forerun {
namespace {

const Moe experts{.experts = 8, .top_k = 1, .width = 4, .shared_width = 1};

Model small_model() {
  Model model{.name = "small", .hidden = 8, .vocab = 16};
  const Attention attention{.heads = 2, .kv_heads = 2, .head_dim = 4};
  model.blocks = {{.hidden = 8, .mixer = attention, .feed_forward = Mlp{.width = 16}},
                  {.hidden = 8, .mixer = attention, .feed_forward = experts}};
  return model;
}

TEST(BlockFields, OfEachPartAllCount) {
  const Latent latent{.kv_rank = 5, .nope_dim = 8, .rope_dim = 4, .value_dim = 6};
  test::expect_every_key_to_count(latent_fields(), {latent});
  test::expect_every_key_to_count(attention_fields(), {{.heads = 2, .kv_heads = 2, .head_dim = 12, .latent = latent}});
  test::expect_every_key_to_count(mlp_fields(), {{.width = 16}});
  test::expect_every_key_to_count(moe_fields(), {experts});
}

// Keys of blocks have no paths: an entry may stand for many of them. A published size must be what the shapes make.
TEST(ModelFields, AllCount) {
  std::set<std::string> elsewhere;
  for (const fields::Info& info : model_fields().infos()) {
    if (info.key.starts_with("blocks") || info.key.starts_with("parameters")) elsewhere.insert(info.key);
  }
  Model learned = small_model();
  learned.positions = Positions::learned;
  learned.max_positions = 32;
  test::expect_every_key_to_count(model_fields(), {small_model(), learned}, elsewhere);
}

TEST(BlockFields, AreChangedByPath) {
  Block block = small_model().blocks[0];
  ASSERT_TRUE(block_fields().set(block, "norms", "4"));
  ASSERT_TRUE(block_fields().set(block, "attention.window", "2"));
  ASSERT_TRUE(block_fields().set(block, "moe", "{experts: 8, top_k: 1, width: 4, shared_width: 1}"));
  EXPECT_EQ(block.norms, 4);
  EXPECT_EQ(block.attention()->window, 2);
  EXPECT_EQ(block.feed_forward, FeedForward{experts});
  ASSERT_TRUE(block_fields().set(block, "moe.top_k", "3"));
  EXPECT_EQ(fields::flow_yaml(block_fields().write(block)),
            "{attention: {heads: 2, kv_heads: 2, head_dim: 4, window: 2}, "
            "moe: {experts: 8, top_k: 3, width: 4, shared_width: 1, gated: true}, norms: 4}");
}

TEST(ModelFields, OfAnotherWidthHaveBlocksOfThatWidth) {
  Model model = small_model();
  ASSERT_TRUE(model_fields().set(model, "hidden", "16"));
  EXPECT_EQ(model.blocks[1].hidden, 16);
}

}  // namespace
}  // namespace forerun
