// Are plans ranked by what the simulator says, and is what was not simulated kept in its place and said?
#include "strategies/search/simulated_ranking.hpp"
#include "strategies/plan_runs.hpp"

#include <gtest/gtest.h>

#include "strategies/simulation/simulation.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

ClosedFormContext context() {
  return ClosedFormContext(
      test::priced(test::scenario(test::small_dense(), "dgx-h100", 8, {.sequence = 1024, .global_batch = 32})));
}

TEST(SimulateRanking, GivesEachPlanItsSimulatedStepAndSortsByIt) {
  const ClosedFormContext c = context();
  const std::vector<RankedPlan> found = search(c, {.top = 6}).best;
  const std::vector<SimulatedPlan> ranked = simulate_ranking(c.scenario, found);
  ASSERT_EQ(ranked.size(), 6);
  std::vector<bool> seen(6);
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    EXPECT_EQ(ranked[i].ranked.plan, found[ranked[i].rank].plan);
    EXPECT_EQ(ranked[i].step, simulate(c.scenario, ranked[i].ranked.plan).step);
    EXPECT_EQ(ranked[i].best_known(), ranked[i].step);
    EXPECT_TRUE(i == 0 || ranked[i - 1].best_known() <= ranked[i].best_known());
    EXPECT_FALSE(seen[ranked[i].rank]);
    seen[ranked[i].rank] = true;
  }
}

TEST(SimulateRanking, IsTheSameOnAnyNumberOfThreads) {
  const ClosedFormContext c = context();
  const std::vector<RankedPlan> found = search(c, {.top = 6}).best;
  const auto one = simulate_ranking(c.scenario, found, {.threads = 1}),
             two = simulate_ranking(c.scenario, found, {.threads = 2});
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(one[i].rank, two[i].rank);
    EXPECT_EQ(one[i].step, two[i].step);
  }
}

TEST(SimulateRanking, LeavesOutWhatIsTooLargeOrTooLow) {
  const ClosedFormContext c = context();
  const std::vector<RankedPlan> found = search(c, {.top = 4}).best;
  for (const SimulatedPlan& plan : simulate_ranking(c.scenario, found, {.most_instructions = 1})) {
    EXPECT_FALSE(plan.step);
    EXPECT_EQ(plan.best_known(), plan.ranked.estimate.step.median);
    EXPECT_EQ(plan.difference(), 0);
  }
  for (const SimulatedPlan& plan : simulate_ranking(c.scenario, found, {.most_plans = 2}))
    EXPECT_EQ(plan.step.has_value(), plan.rank < 2);
}

// One instruction of a body that is called three times by each of two roles: six.
TEST(InstructionsRun, CountsCallsOfRoles) {
  StageProgram stage;
  stage.bodies.push_back({.instructions = {{.code = Code::run}, {.code = Code::wait}}});
  stage.calls = {{0, 0}, {0, 1}, {0, 2}};
  Program program;
  program.stages.push_back(stage);
  program.roles = {{0, {0, 1}}, {0, {2}}};
  EXPECT_EQ(instructions_run(program), 6);
}

}  // namespace
}  // namespace forerun
