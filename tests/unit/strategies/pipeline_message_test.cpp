// What goes from stage to stage where a tensor group holds it in common.
#include <gtest/gtest.h>

#include "costmodel/collectives/collective.hpp"
#include "costmodel/timing.hpp"
#include "strategies/plan_runs.hpp"
#include "strategies/programs/steps/stage_program.hpp"
#include "strategies/programs/work_price.hpp"
#include "strategies/simulation/simulation.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

Scenario given(bool scatters) {
  Scenario s =
      test::scenario(test::small_dense(), "dgx-a100", 16, {.sequence = 2048, .global_batch = 8}, "megatron-lm");
  s.stack.scatter_sends = scatters;
  return s;
}

const Plan plan{.tp = 4, .pp = 2, .dp = 2};

TEST(PipelineMessage, GoesInPiecesThatAreGathered) {
  const Bytes boundary{1 << 21};
  const Communication whole = pipeline_message(given(false), plan, Flow::pp_send_forward, boundary),
                      scattered = pipeline_message(given(true), plan, Flow::pp_send_forward, boundary);
  EXPECT_EQ(whole.pieces, 1);
  EXPECT_EQ(scattered.pieces, 4);
  Plan sequence = plan;
  sequence.sp = true;  // each member has its own rows
  EXPECT_EQ(pipeline_message(given(true), sequence, Flow::pp_send_forward, boundary).pieces, 1);

  Traffic a, b;
  count_traffic(whole, plan, 3, a), count_traffic(scattered, plan, 3, b);
  EXPECT_EQ(a[Flow::pp_send_forward].api, 3 * boundary);
  EXPECT_EQ(b[Flow::pp_send_forward].api, 3 * boundary / 4);
  EXPECT_EQ(b[Flow::tp_all_gather].api, 3 * boundary);
  EXPECT_EQ(a[Flow::tp_all_gather].api, Bytes{0});
}

TEST(PipelineMessage, OverSlowNetworksIsFasterInPieces) {
  const PricedScenario s = test::priced(given(true));
  const Placements placements = placements_of(s.topology, plan);
  const auto time = [&](bool scatters) {
    return communication_time(s, pipeline_message(given(scatters), plan, Flow::pp_send_forward, Bytes{64e6}),
                              placements)
        .median;
  };
  EXPECT_LT(time(true), 0.6 * time(false));
  EXPECT_GT(time(true), 0.25 * time(false));
}

TEST(PipelineMessage, IsPricedAndCountedAlikeByTheClosedFormAndTheSimulation) {
  const PricedScenario s = test::priced(given(true));
  const Estimate closed = estimate(s, plan);
  const Simulation simulated = simulate(s, plan);
  EXPECT_NEAR(closed.step.median.value(), simulated.step.value(), 0.03 * simulated.step.value());
  const auto sent = [](const Traffic& traffic) { return traffic[Flow::pp_send_forward].api; };
  Bytes most{0};
  for (const RoleReport& role : simulated.roles) most = max(most, sent(role.traffic));
  EXPECT_EQ(sent(closed.traffic), most);
}

}  // namespace
}  // namespace forerun
