// Does a message between two stages cost what lies between these two?
#include "strategies/plan/boundaries.hpp"

#include <gtest/gtest.h>

#include "strategies/closed_form/forward_estimate.hpp"
#include "strategies/plan/plan_file.hpp"
#include "strategies/plan_runs.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

// Nodes of eight, racks of four nodes; `ports` bytes a second leave a node.
Topology racks(BytesPerSecond ports = 200.0_GBps) {
  return {.devices = 64,
          .levels = {{.size = 8, .per_device = 300.0_GBps, .per_component = 300.0_GBps},
                     {.size = 32, .per_device = 25.0_GBps, .per_component = ports},
                     {.size = 64, .per_device = 25.0_GBps, .per_component = 100.0_GBps}}};
}

std::vector<std::size_t> levels(const std::vector<Boundary>& list) {
  std::vector<std::size_t> found;
  for (const Boundary& boundary : list) found.push_back(boundary.level);
  return found;
}

TEST(Boundaries, LieInANodeOrBetweenNodesOrBetweenRacks) {
  // Two stages a node: every second boundary leaves it, that in the middle leaves the rack, and so does the way back.
  EXPECT_EQ(levels(boundaries_of(racks(), {.tp = 4, .pp = 16})),
            (std::vector<std::size_t>{0, 1, 0, 1, 0, 1, 0, 2, 0, 1, 0, 1, 0, 1, 0, 2}));
  EXPECT_EQ(levels(boundaries_of(racks(), {.tp = 8, .pp = 2})), (std::vector<std::size_t>{1, 1}));
  EXPECT_TRUE(boundaries_of(racks(), {.tp = 8}).empty());
}

TEST(Boundaries, AreSharedByTheRanksOfAStageThatCrossThem) {
  const auto share = [](const Plan& plan, std::size_t boundary, BytesPerSecond ports) {
    return boundaries_of(racks(ports), plan)[boundary].share;
  };
  EXPECT_EQ(share({.tp = 4, .pp = 16}, 1, 200.0_GBps), 25.0_GBps);  // a port each
  EXPECT_EQ(share({.tp = 4, .pp = 16}, 1, 40.0_GBps), 10.0_GBps);  // four share 40 GB/s
  EXPECT_EQ(share({.tp = 1, .pp = 64}, 7, 40.0_GBps), 25.0_GBps);  // one has it all, as fast as its port is
  // Of a stage on all four nodes of a rack, 32 ranks share its 100 GB/s.
  EXPECT_EQ(share({.tp = 8, .pp = 2, .dp = 4}, 0, 200.0_GBps), 100.0_GBps / 32.0);
  // Four ranks leave the rack together; their node's port is narrower.
  EXPECT_EQ(share({.tp = 4, .pp = 16}, 7, 40.0_GBps), 10.0_GBps);
}

TEST(Boundaries, ThatSomePairsCrossAreChargedForAll) {
  // Stages of three in nodes of eight: ranks 3, 4, 5 send to 6, 7, 8, of which only the last leaves the node.
  const Boundary second = boundaries_of(racks(8.0_GBps), {.tp = 3, .pp = 21})[1];
  EXPECT_EQ(second.level, 1U);
  EXPECT_EQ(second.share, 8.0_GBps);
}

class FourStagesOnTwoNodes : public testing::Test {
 protected:
  const PlanFile file = *read_plan_file(FORERUN_ROOT "/tests/data/boundaries.yaml");
  const PricedScenario scenario = test::priced(file.scenario);

  // A micro-batch of 5 x 1000 tokens through two layers is 10 ms forward and 20 ms back. Its message of 10 MB stops the
  // sender: 10 ms through the port of 1 GB/s that lies between stages 1 and 2, 0.01 ms at 1 TB/s inside a node. With
  // the messages that a stage sends, forwards take 10.01, 20, 10.01 and 10 ms, backwards (from the last stage) 20.01,
  // 30, 20.01 and 20 ms. All eight pass the slowest stage one after the other.
  static constexpr double forwards = 10.01 + 20 + 10.01 + 10 + 7 * 20, backwards = 20.01 + 30 + 20.01 + 20 + 7 * 30;
  static constexpr double rounding = 0.02;  // one number less in a weight gradient than in a forward: 0.004 %
};

TEST_F(FourStagesOnTwoNodes, WaitForTheOneBoundaryThatLeavesANode) {
  EXPECT_NEAR(forwards + backwards, 490.04, 1e-9);
  EXPECT_NEAR(estimate(scenario, file.plan).step.median.value() * 1e3, forwards + backwards, rounding);
  EXPECT_NEAR(simulate(scenario, file.plan).step.value() * 1e3, forwards + backwards, rounding);
}

TEST_F(FourStagesOnTwoNodes, DoSoInAForwardStep) {
  Plan plan = file.plan;
  plan.schedule = ScheduleKind::one_f_one_b;
  const ForwardBatch batch(8, micro_batch_of(std::vector<std::int64_t>(5, 1000)));
  EXPECT_NEAR(estimate_forward(scenario, plan, batch).step.median.value() * 1e3, forwards, rounding);
  EXPECT_NEAR(simulate_forward(scenario, plan, batch).step.value() * 1e3, forwards, rounding);
}

}  // namespace
}  // namespace forerun
