// Does a run that cannot go on end, and say where?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "executor/rank_executor.hpp"
#include "runtime/communication/rank_threads.hpp"
#include "strategies/plan_runs.hpp"
#include "tests/support/executions.hpp"

namespace forerun {
namespace {

using namespace test;
using testing::ContainsRegex;
using testing::HasSubstr;

class Faults : public testing::TestWithParam<Plan> {};

// Rank 1 stops after its first step; the others wait for it, some in threads of their own.
TEST_P(Faults, OfOneRankEndAll) {
  const Scenario given = on_this_machine(small_model(4), gpus(GetParam()), small_job());
  const Result<PricedScenario> scenario = price(given);
  ASSERT_TRUE(scenario);
  const Program program = lower(*scenario, GetParam());
  try {
    run_ranks(gpus(GetParam()), [&](Communicator& world) {
      const RankMachine machine = on_the_cpu(world);
      RankExecutor rank(*scenario, program, {world, world, *machine.backend}, {.steps = 3});
      for (int step = 0; step < 3; ++step) {
        if (world.rank() == 1 && step == 1) throw std::runtime_error("out of order");
        rank.step();
      }
    });
    FAIL() << "nobody failed";
  } catch (const RankFailure& failure) {
    EXPECT_EQ(failure.rank, 1);
    EXPECT_STREQ(failure.what(), "rank 1: out of order");
  }
}

INSTANTIATE_TEST_SUITE_P(Executed, Faults,
                         testing::Values(Plan{.dp = 2}, Plan{.dp = 2, .zero = 3}, Plan{.tp = 2}, Plan{.pp = 2},
                                         Plan{.cp = 2}));

TEST(Execution, NamesRankAndInstructionOfAFailure) {
  Scenario given = on_this_machine(small_model(), 2, small_job());
  given.stack.workspace = Bytes{4096};  // check_executable refuses this
  const Plan plan{.pp = 2};
  const Result<PricedScenario> scenario = price(given);
  ASSERT_TRUE(scenario);
  const Result<Execution> execution = execute(*scenario, lower(*scenario, plan), {});
  ASSERT_FALSE(execution);
  EXPECT_THAT(execution.error().front().message,
              ContainsRegex("^rank 0: stage 0, chunk 0, micro-batch 0, layer 0: attention_core, forward: the workspace "
                            "of 4096 B is too small"));
}

// Gradients of a block are exchanged beside computation, which is elsewhere when the other rank turns out to have
// fewer.
TEST(Execution, NamesRankAndInstructionOfAFailureBesideComputation) {
  const Plan plan{.dp = 2};
  const auto priced = [&](int width) {
    Model model = small_model();
    for (Block& block : model.blocks) std::get<Mlp>(block.feed_forward).width = width;
    return *price(on_this_machine(model, gpus(plan), small_job()));
  };
  const PricedScenario wide = priced(48), narrow = priced(40);
  const Program of_wide = lower(wide, plan), of_narrow = lower(narrow, plan);
  try {
    run_ranks(2, [&](Communicator& world) {
      const RankMachine machine = on_the_cpu(world);
      const bool first = world.rank() == 0;
      RankExecutor(first ? wide : narrow, first ? of_wide : of_narrow, {world, world, *machine.backend}, {}).step();
    });
    FAIL() << "nobody failed";
  } catch (const RankFailure& failure) {
    EXPECT_THAT(failure.what(),
                ContainsRegex("^rank [01]: stage 0, chunk 0, micro-batch 3, layer [01]: dp all_reduce.*: rank [01], "
                              "all_reduce of .* sent [0-9]+ B where [0-9]+ B were waited for"));
  }
}

TEST(Requirements, AreAllSaidAtOnce) {
  Scenario given = on_this_machine(small_model(), 6, small_job(DType::fp16));
  given.stack = *find_stack("megatron-core");
  given.model.positions = Positions::learned;
  const Problems problems = check_executable(given, {.tp = 6}, Routing::top_k);
  std::string all;
  for (const Problem& problem : problems) {
    all += problem.message + "\n";
    EXPECT_FALSE(problem.hint.empty()) << problem.message;
  }
  for (const char* text :
       {"not megatron-core", "no arithmetic in fp16", "no learned positions", "8 heads do not divide over tp 6",
        "4 heads of keys and values", "64 entries of the vocabulary"}) {
    EXPECT_THAT(all, HasSubstr(text));
  }
}

// Gradients of norms and routers are added up in the workspace where sequence parallelism cuts tokens, those of a stage
// at once.
TEST(Requirements, CountTheGradientsOfNormsAndRoutersWhereTheyAreAddedUp) {
  constexpr int blocks = 32, hidden = 2048, experts = 64;
  Model model{.name = "sparse", .hidden = hidden, .vocab = 1024, .positions = Positions::rotary};
  model.blocks.assign(blocks, {.hidden = hidden,
                               .mixer = Attention{.heads = 16, .kv_heads = 16, .head_dim = 128},
                               .feed_forward = Moe{.experts = experts, .top_k = 2, .width = 64}});
  Scenario given = on_this_machine(model, 1, {.sequence = 128, .global_batch = 8, .dtype = DType::fp32});
  const std::int64_t replicated = 4 * (2 + experts) * hidden;  // B of a block: two norms and a router
  const auto refuses = [&](Plan plan, int of_blocks) {
    given.stack.workspace = Bytes{static_cast<double>(of_blocks * replicated)};
    return text_of(check_executable(given, plan, Routing::top_k)).find("the workspace of") != std::string::npos;
  };
  EXPECT_FALSE(refuses({}, blocks / 2));
  EXPECT_FALSE(refuses({.tp = 2}, blocks / 2));
  const Plan sp{.tp = 2, .sp = true};
  EXPECT_TRUE(refuses(sp, blocks));  // and a last norm, and positions
  EXPECT_FALSE(refuses(sp, blocks + 2));
  const Plan halves{.tp = 2, .sp = true, .pp = 2};
  EXPECT_TRUE(refuses(halves, blocks / 2));
  EXPECT_FALSE(refuses(halves, blocks / 2 + 2));
}

}  // namespace
}  // namespace forerun
