// Does a run that cannot go on end, and say where?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/rank_threads.hpp"
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
      RankExecutor<double> rank(*scenario, program, {world, world, *machine.backend}, {.steps = 3});
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

INSTANTIATE_TEST_SUITE_P(Executed, Faults, testing::Values(Plan{.dp = 2}, Plan{.dp = 2, .zero = 3}, Plan{.tp = 2}, Plan{.pp = 2}, Plan{.cp = 2}));

TEST(Execution, NamesRankAndInstructionOfAFailure) {
  Scenario given = on_this_machine(small_model(), 2, small_job());
  given.stack.workspace = Bytes{4096};  // check_executable refuses this
  const Plan plan{.pp = 2};
  const Result<PricedScenario> scenario = price(given);
  ASSERT_TRUE(scenario);
  const Result<Execution> execution = execute(*scenario, lower(*scenario, plan), {});
  ASSERT_FALSE(execution);
  EXPECT_THAT(execution.error().front().message, ContainsRegex("^rank 0: stage 0, chunk 0, micro-batch 0, layer 0: attention_core, forward: the workspace of 4096 B is too small"));
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
  for (const char* text : {"not megatron-core", "no arithmetic in fp16", "no learned positions", "8 heads do not divide over tp 6", "4 heads of keys and values", "64 entries of the vocabulary"}) {
    EXPECT_THAT(all, HasSubstr(text));
  }
}

}  // namespace
}  // namespace forerun
