// Where the closed form is exact, does it say what the simulator says, to a billionth?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <numeric>

#include "strategies/plan_runs.hpp"
#include "strategies/simulation/simulation.hpp"
#include "tests/support/linear_costs.hpp"

namespace forerun {
namespace {

void expect_equal(const PricedScenario& scenario, const Plan& plan, double tolerance = 1e-9) {
  const Seconds closed = estimate(scenario, plan).step.median, simulated = simulate(scenario, plan).step;
  RC_LOG() << summary(plan) << ": " << closed.value() << ' ' << simulated.value() << '\n';
  RC_ASSERT(std::abs(closed / simulated - 1) < tolerance);
}

Job job(std::int64_t micro_batches) {
  return {.sequence = 512, .global_batch = static_cast<int>(micro_batches), .dtype = DType::fp16};
}

// M7 with real kernels; links that cost nothing.
PricedScenario free_links(int layers, int gpus, std::int64_t micro_batches) {
  PricedScenario scenario = test::priced(test::course_scenario(gpus, job(micro_batches), test::m7(layers)));
  scenario.collectives = std::make_shared<test::LinearLinks>(BytesPerSecond::infinity());
  return scenario;
}

RC_GTEST_PROP(ExactTime, OfGPipeWithAnyStages, ()) {  // I-23, with sends that stop their stage, hide, or do both
  const int stages = *rc::gen::element(2, 4, 8);
  Plan plan{.pp = stages,
            .schedule = ScheduleKind::gpipe,
            .cut = StageCut::list,
            .recompute = *rc::gen::element(Recompute::none, Recompute::full)};
  int layers = 0;
  for (int s = 0; s < stages; ++s) {
    plan.stages.push_back({.blocks = *rc::gen::inRange(1, 6), .tp = {}, .micro_batch = {}, .device = {}});
    layers += plan.stages.back().blocks;
  }
  PricedScenario scenario =
      test::priced(test::course_scenario(stages, job(*rc::gen::inRange(1, 20)), test::m7(layers)));
  scenario.given.stack.overlap.pp = *rc::gen::element(0.0, 0.25, 1.0);
  expect_equal(scenario, plan);
}

RC_GTEST_PROP(ExactTime, OfOneForwardOneBackwardWithEqualStages, ()) {  // I-22
  const int stages = *rc::gen::element(2, 4, 8);
  expect_equal(free_links(stages * *rc::gen::inRange(1, 4), stages, *rc::gen::inRange(1, 30)), {.pp = stages});
}

RC_GTEST_PROP(ExactTime, OfInterleavedWithEqualChunks, ()) {
  const int stages = *rc::gen::element(2, 4, 8), v = *rc::gen::inRange(2, 5);
  expect_equal(free_links(stages * v, stages, stages * *rc::gen::inRange(1, 6)),
               {.pp = stages, .virtual_stages = v, .schedule = ScheduleKind::interleaved});
}

RC_GTEST_PROP(ExactTime, OfZeroBubbleWithEqualStages, ()) {
  const int stages = *rc::gen::element(2, 4, 8);
  expect_equal(free_links(stages, stages, *rc::gen::inRange(1, 30)), {.pp = stages, .schedule = ScheduleKind::zb_h1});
}

RC_GTEST_PROP(ExactTime, OfReplicasThatDoNotOverlap, ()) {
  const int dp = *rc::gen::element(2, 4, 8), zero = *rc::gen::inRange(0, 4);
  const PricedScenario scenario =
      test::priced(test::course_scenario(dp, job(dp * *rc::gen::inRange(1, 5)), test::m7(*rc::gen::inRange(1, 6))));
  expect_equal(scenario, {.dp = dp, .zero = zero});
}

// Blocks are replayed alone, computation and communication slowing each other; here nothing goes on from one block to
// the next.
RC_GTEST_PROP(ExactTime, OfOverlapInsideBlocks, ()) {
  const int tp = *rc::gen::element(1, 2, 4), cp = *rc::gen::element(1, 2);
  Scenario given =
      test::scenario(test::small_dense(*rc::gen::inRange(1, 6)), "dgx-h100", tp * cp,
                     {.sequence = 2048, .global_batch = 4}, *rc::gen::element<std::string>("megatron-core", "maxtext"));
  given.stack.contention = *rc::gen::element(0.1, 0.19, 0.5);
  given.stack.overlap.tp_forward = *rc::gen::element(0.0, 0.5, 1.0);
  if (*rc::gen::arbitrary<bool>()) given.stack.host_per_kernel = Seconds{0};
  const Plan plan{.tp = tp,
                  .sp = tp > 1 && *rc::gen::arbitrary<bool>(),
                  .cp = cp,
                  .micro_batch = *rc::gen::element(1, 2, 4),
                  .overlap = {.dp = false}};
  expect_equal(test::priced(given), plan, 1e-7);  // each change of a rate rounds by half a picosecond
}

}  // namespace
}  // namespace forerun
