// Does everything that is on its way at the same time have a token of its own?
#include <gtest/gtest.h>

#include <set>

#include "strategies/plan_runs.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

// Performs the calls of a stage as a rank does: what is issued is on its way until it is waited for.
void expect_own_tokens(const StageProgram& stage) {
  std::set<TokenId> on_their_way;
  for (const Call& call : stage.calls) {
    for (const Instruction& in : stage.bodies[call.body].instructions) {
      if (in.token == TokenId::none) continue;
      if (in.code == Code::wait) {
        ASSERT_EQ(on_their_way.erase(in.token), 1U) << "nothing is on its way with token " << index(in.token);
      } else {
        ASSERT_TRUE(on_their_way.insert(in.token).second) << "two operations have token " << index(in.token);
      }
    }
  }
  EXPECT_TRUE(on_their_way.empty());
}

// A ring of 512 ranks passes keys and values on 511 times forward; backward they go round 511 times, and gradients 510
// times and home: 1022 operations of one block, while the parameters of its neighbour are on their way.
Program on_a_ring_of_512(int zero) {
  Model model = test::small_dense(2);
  const Job job{.sequence = 1024, .global_batch = 1};
  return lower(test::priced(test::scenario(model, "dgx-h100", 512, job)),
               {.cp = 512, .cp_kind = CpKind::ring, .zero = zero});
}

TEST(Tokens, OfALongRingDifferFromThoseOfItsNeighbours) {
  for (const int zero : {0, 1, 2, 3}) {
    SCOPED_TRACE(zero);
    const Program program = on_a_ring_of_512(zero);
    std::uint32_t most = 0;
    for (const Body& body : program.stages[0].bodies) {
      for (const Instruction& in : body.instructions) most = std::max(most, index(in.token));
    }
    EXPECT_GT(most, 1022U);
    for (const StageProgram& stage : program.stages) expect_own_tokens(stage);
  }
}

TEST(Tokens, OfAPipelineWithShardsAndCopiesDiffer) {
  const Job job{.sequence = 512, .global_batch = 16};
  const PricedScenario scenario = test::priced(test::scenario(test::small_dense(8), "dgx-h100", 8, job));
  for (const int zero : {0, 1, 2, 3}) {
    const Plan plan{.pp = 2, .dp = 4, .zero = zero, .offload = {.optimizer = true, .activations = true}};
    SCOPED_TRACE(zero);
    for (const StageProgram& stage : lower(scenario, plan).stages) expect_own_tokens(stage);
  }
}

}  // namespace
}  // namespace forerun
