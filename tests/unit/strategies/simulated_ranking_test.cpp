// Are plans ranked by what the simulator says, and is it all that are listed or none?
#include "strategies/search/simulated_ranking.hpp"

#include <gtest/gtest.h>

#include <set>

#include "strategies/plan_runs.hpp"
#include "strategies/simulation/simulation.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

ClosedFormContext context() {
  return ClosedFormContext(
      test::priced(test::scenario(test::small_dense(), "dgx-h100", 8, {.sequence = 1024, .global_batch = 32})));
}

std::vector<SimulatedPlan> all_of(const Ranking& ranking) {
  std::vector<SimulatedPlan> plans;
  for (const RankedKind& kind : ranking.kinds) {
    plans.push_back(kind.best);
    plans.insert(plans.end(), kind.ties.begin(), kind.ties.end());
  }
  return plans;
}

TEST(SimulateRanking, GivesEachPlanItsSimulatedStepAndSortsByIt) {
  const ClosedFormContext c = context();
  const std::vector<RankedPlan> found = search(c, {.top = 6}).best;
  const Ranking ranking = simulate_ranking(c.scenario, found, {.top = 5});
  ASSERT_EQ(ranking.kinds.size(), 5);
  EXPECT_EQ(ranking.simulated, found.size());
  for (const SimulatedPlan& plan : all_of(ranking)) {
    EXPECT_EQ(plan.ranked.plan, found[plan.rank].plan);
    EXPECT_EQ(plan.step, simulate(c.scenario, plan.ranked.plan).step);
    EXPECT_EQ(plan.best_known(), plan.step);
  }
  for (std::size_t i = 1; i < ranking.kinds.size(); ++i)
    EXPECT_LE(ranking.kinds[i - 1].best.best_known(), ranking.kinds[i].best.best_known());
}

TEST(SimulateRanking, ListsEachKindOnceWithTheVariantsThatAreAsFast) {
  const ClosedFormContext c = context();
  const Ranking ranking = simulate_ranking(c.scenario, search(c, {.top = 6}).best, {.top = 6, .tie = 0.05});
  std::set<PlanKind> seen;
  std::size_t ties = 0;
  for (const RankedKind& kind : ranking.kinds) {
    EXPECT_TRUE(seen.insert(kind_of(kind.best.ranked.plan)).second);
    for (const SimulatedPlan& tie : kind.ties) {
      EXPECT_EQ(kind_of(tie.ranked.plan), kind_of(kind.best.ranked.plan));
      EXPECT_GE(tie.best_known(), kind.best.best_known());
      EXPECT_LE(tie.best_known(), 1.05 * kind.best.best_known());
      ++ties;
    }
  }
  EXPECT_GT(ties, 0U);
}

TEST(SimulateRanking, IsTheSameOnAnyNumberOfThreads) {
  const ClosedFormContext c = context();
  const std::vector<RankedPlan> found = search(c, {.top = 6}).best;
  const auto one = all_of(simulate_ranking(c.scenario, found, {.threads = 1})),
             two = all_of(simulate_ranking(c.scenario, found, {.threads = 2}));
  ASSERT_EQ(one.size(), two.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].rank, two[i].rank);
    EXPECT_EQ(one[i].step, two[i].step);
  }
}

// All that are listed have the number that ranks.
TEST(SimulateRanking, SimulatesAllThatAreListedOrNone) {
  const ClosedFormContext c = context();
  const std::vector<RankedPlan> found = search(c, {.top = 4}).best;
  const Ranking none = simulate_ranking(c.scenario, found, {.most_instructions = 1});
  EXPECT_EQ(none.simulated, 0U);
  EXPECT_GT(none.too_large, 1U);
  for (const SimulatedPlan& plan : all_of(none)) {
    EXPECT_FALSE(plan.step);
    EXPECT_EQ(plan.best_known(), plan.ranked.estimate.step.median);
    EXPECT_EQ(plan.difference(), 0);
  }
  const Ranking few = simulate_ranking(c.scenario, found, {.top = 2, .most_in_all = 1});
  EXPECT_EQ(few.simulated, 2U);
  EXPECT_EQ(few.kinds.size(), 2U);
  for (const SimulatedPlan& plan : all_of(few)) EXPECT_TRUE(plan.step);
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
