// Do operators say how they are cut, where they stand in their branch, and whether they move tokens?
#include <gmock/gmock.h>

#include <array>
#include <string>

#include "workloads/operators/operators.hpp"

namespace forerun {
namespace {

using testing::ElementsAre;

constexpr std::int64_t tokens = 8;
const Attention attention{.heads = 4, .kv_heads = 2, .head_dim = 16};
const Mlp mlp{.width = 256, .gated = true};
const Moe moe{.experts = 4, .top_k = 2, .width = 32, .shared_width = 48};

std::vector<Operator> operators_of(const Block& block, const Implementation& how = {}) {
  const Model model{.name = "toy", .hidden = 64, .max_positions = 4096, .blocks = {block}};
  const TokenShape shape{.sequences = {{1, tokens, tokens}},
                         .tokens = tokens,
                         .residual_tokens = tokens,
                         .routed_tokens = 2 * tokens,
                         .local_experts = 4};
  return block_operators(model, block, shape, how);
}

std::string cut_of(const Operator& op) {
  static constexpr std::array names{"replicated", "columns", "rows", "experts"};
  return std::string(to_string(op.kind)) + ": " + names[static_cast<std::size_t>(op.cut)];
}

std::vector<std::string> cuts(const std::vector<Operator>& list) {
  std::vector<std::string> out;
  for (const Operator& op : list) {
    if (!op.weight_gradient.empty()) out.push_back(cut_of(op));
  }
  return out;
}

std::vector<std::int64_t> gathers(const std::vector<Operator>& list) {
  std::vector<std::int64_t> out;
  for (const Operator& op : list) {
    if (op.gathers > 0) out.push_back(op.gathers);
  }
  return out;
}

template <class Trait>
std::vector<std::string> who(const std::vector<Operator>& list, Trait has) {
  std::vector<std::string> out;
  for (const Operator& op : list) {
    if (has(op)) out.emplace_back(to_string(op.kind));
  }
  return out;
}

TEST(OperatorTraits, OfADenseBlockAreMegatrons) {
  const auto list = operators_of({.hidden = 64, .mixer = attention, .feed_forward = mlp});
  EXPECT_THAT(cuts(list), ElementsAre("qkv: columns", "attention_output: rows", "up: columns", "down: rows"));
  EXPECT_THAT(gathers(list), ElementsAre(64, 64));
  EXPECT_THAT(who(list, [](const Operator& op) { return op.branch == Branch::opens; }),
              ElementsAre("attention_norm", "feed_forward_norm"));
  EXPECT_THAT(who(list, [](const Operator& op) { return op.branch == Branch::closes; }),
              ElementsAre("attention_residual", "feed_forward_residual"));
}

TEST(OperatorTraits, OfAMixtureMoveTokensThereAndBack) {
  const auto list = operators_of({.hidden = 64, .mixer = attention, .feed_forward = moe});
  EXPECT_THAT(cuts(list), ElementsAre("qkv: columns", "attention_output: rows", "router: replicated", "up: experts",
                                      "down: experts", "shared_expert: columns", "shared_expert: rows"));
  const auto does = [&](TokenRouting routing) {
    return who(list, [&](const Operator& op) { return op.routing == routing; });
  };
  EXPECT_THAT(does(TokenRouting::chooses), ElementsAre("router"));
  EXPECT_THAT(does(TokenRouting::dispatches), ElementsAre("dispatch"));
  EXPECT_THAT(does(TokenRouting::returns), ElementsAre("down"));
  EXPECT_THAT(does(TokenRouting::bypasses), ElementsAre("shared_expert"));
  EXPECT_THAT(does(TokenRouting::combines), ElementsAre("combine"));
}

// MLA with a latent of queries: the way down is whole on each rank, over its own tokens; the latents are gathered.
TEST(OperatorTraits, OfLatentAttentionGatherTheLatents) {
  Attention latent{.heads = 4,
                   .kv_heads = 4,
                   .head_dim = 24,
                   .latent = Latent{.query_rank = 20, .kv_rank = 10, .nope_dim = 16, .rope_dim = 8, .value_dim = 12}};
  const auto narrow = operators_of({.hidden = 64, .mixer = latent, .feed_forward = mlp});
  EXPECT_EQ(cuts(narrow).front(), "qkv: replicated");
  EXPECT_THAT(gathers(narrow), ElementsAre(20 + 10 + 8, 64));
  latent.latent->query_rank = 0;
  const auto direct = operators_of({.hidden = 64, .mixer = latent, .feed_forward = mlp});
  EXPECT_EQ(cuts(direct).front(), "qkv: columns");
  EXPECT_THAT(gathers(direct), ElementsAre(64, 64));
}

// 4 heads of queries and 2 of keys and values, each of 16 columns.
TEST(OperatorTraits, OfTheCoreSayWhatItsPositionsExchange) {
  const auto list = operators_of({.hidden = 64, .mixer = attention, .feed_forward = mlp});
  EXPECT_THAT(who(list, [](const Operator& op) { return op.core.has_value(); }), ElementsAre("attention_core"));
  for (const Operator& op : list) {
    if (!op.core) continue;
    EXPECT_EQ(op.core->queries, 4 * 16);
    EXPECT_EQ(op.core->keys_values, 2 * 2 * 16);
    EXPECT_EQ(op.core->outputs, 4 * 16);
    EXPECT_EQ(op.core->kv_heads, 2);
  }
}

// Two norms of 64 weights and a router of 64 x 4: all of a tensor group hold them. What is frozen has no gradient.
TEST(OperatorTraits, CountTheWeightsWhoseGradientsATensorGroupAddsUp) {
  const auto replicated = [](const Implementation& how) {
    std::int64_t sum = 0;
    for (const Operator& op : operators_of({.hidden = 64, .mixer = attention, .feed_forward = moe}, how))
      sum += op.replicated;
    return sum;
  };
  EXPECT_EQ(replicated({}), 2 * 64 + 64 * 4);
  EXPECT_EQ(replicated({.tuning = {.kind = TuningKind::adapter, .width = 4}}), 0);
}

TEST(OperatorTraits, OfEmbeddingAndHeadCutTheVocabulary) {
  const Model model{.name = "toy", .hidden = 64, .vocab = 1000, .max_positions = 4096};
  const TokenShape shape{.sequences = {{1, tokens, tokens}}, .tokens = tokens, .residual_tokens = tokens};
  EXPECT_THAT(cuts(embedding_operators(model, 1000, shape, {})), ElementsAre("embedding: rows"));
  const auto head = head_operators(model, 1000, shape, {.loss_statistics = true});
  EXPECT_THAT(cuts(head), ElementsAre("head: columns"));
  EXPECT_THAT(gathers(head), ElementsAre(64));
  EXPECT_THAT(who(head, [](const Operator& op) { return op.exchanges_statistics; }), ElementsAre("loss"));
}

}  // namespace
}  // namespace forerun
