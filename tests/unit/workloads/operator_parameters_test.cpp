// Do the operators of a model own exactly the parameters that the model counts?
#include <gtest/gtest.h>

#include "workloads/models/catalog.hpp"
#include "workloads/operators/operators.hpp"

namespace forerun {
namespace {

std::int64_t owned(const std::vector<Operator>& list) {
  std::int64_t sum = 0;
  for (const Operator& op : list) sum += op.parameters;
  return sum;
}

TokenShape one_token(const Block& block) {
  TokenShape shape{.sequences = {{1, 1, 1}}, .tokens = 1, .residual_tokens = 1};
  if (const Moe* moe = std::get_if<Moe>(&block.feed_forward))
    shape.routed_tokens = moe->top_k, shape.local_experts = moe->experts;
  return shape;
}

TEST(OperatorParameters, AddUpToTheModel) {
  for (const std::string& name : model_names()) {
    const Model model = *find_model(name);
    const TokenShape shape = one_token(model.blocks.front());
    EXPECT_EQ(owned(embedding_operators(model, model.vocab, shape, {})), embedding_parameters(model)) << name;
    EXPECT_EQ(owned(head_operators(model, model.vocab, shape, {})), head_parameters(model)) << name;
    for (const Block& block : model.blocks) {
      ASSERT_EQ(owned(block_operators(model, block, one_token(block), {})), block_parameters(model, block)) << name;
    }
  }
}

TEST(OperatorParameters, OfExpertsAreThoseOfTheRoutedOnes) {
  Model model = *find_model("mixtral-8x7b");
  const Block& block = model.blocks.front();
  TokenShape shape = one_token(block);
  shape.local_experts = 2;  // a rank of ep 4
  std::int64_t experts = 0;
  for (const Operator& op : block_operators(model, block, shape, {})) experts += op.expert_parameters;
  EXPECT_EQ(experts, 2 * 3 * 4096LL * 14336);
}

}  // namespace
}  // namespace forerun
