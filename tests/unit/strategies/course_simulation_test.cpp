// Do simulated steps take the times of the course's exercises?
#include <gtest/gtest.h>

#include "strategies/closed_form/block_price.hpp"
#include "strategies/plan_runs.hpp"
#include "strategies/simulation/simulation.hpp"
#include "tests/support/linear_costs.hpp"

namespace forerun {
namespace {

// A layer is four products, each of whole picoseconds: thirds of milliseconds are off by as much.
constexpr double rounding = 1e-6;
double milliseconds(Tick time) { return static_cast<double>(time) / 1e9; }
double milliseconds(const Simulation& s) { return milliseconds(s.timeline.makespan); }

Plan pipeline(ScheduleKind schedule, int stages, int v = 1) {
  return {.pp = stages, .virtual_stages = v, .schedule = schedule};
}

TEST(CourseSimulation, HasTheBubblesOfPipelines) {
  // E28: (K - 1) / (M + K - 1) of all, (K - 1) / M of the work.
  const struct {
    int stages, micro_batches;
    double of_total, to_ideal;
  } rows[] = {{4, 4, 0.4286, 0.75}, {4, 16, 0.1579, 0.1875}, {8, 32, 0.1795, 0.2188}, {8, 64, 0.0986, 0.1094}};
  for (const auto& row : rows) {
    for (const ScheduleKind schedule : {ScheduleKind::gpipe, ScheduleKind::one_f_one_b}) {
      const PricedScenario scenario = test::layers_that_take(Seconds{0.010}, row.stages, row.stages, row.micro_batches);
      const Simulation s = simulate(scenario, pipeline(schedule, row.stages));
      const double busy = 0.030 * row.micro_batches;
      for (const RoleReport& role : s.roles) {
        EXPECT_NEAR(role.breakdown.bubble / s.step, row.of_total, 5e-5 + rounding);
        EXPECT_NEAR(role.breakdown.bubble.value() / busy, row.to_ideal, 5e-5 + rounding);
      }
    }
  }
}

TEST(CourseSimulation, OfFourStagesAndEightMicroBatches) {
  // E30: F = 10 ms, B = 20 ms: (8 + 4 - 1) x 30 ms; 240 of 330 ms are work.
  const PricedScenario scenario = test::layers_that_take(Seconds{0.010}, 4, 4, 8);
  for (const ScheduleKind schedule : {ScheduleKind::gpipe, ScheduleKind::one_f_one_b}) {
    const Simulation s = simulate(scenario, pipeline(schedule, 4));
    EXPECT_NEAR(milliseconds(s), 330, rounding);
    for (const RoleReport& role : s.roles) EXPECT_NEAR(role.breakdown.compute / s.step, 0.727, 5e-4);
  }
}

TEST(CourseSimulation, HoldsAllMicroBatchesOrAsManyAsStagesFollow) {
  // E31: 16 under GPipe, K - i under 1F1B; each keeps what a layer saves.
  const PricedScenario scenario = test::layers_that_take(Seconds{0.010}, 4, 4, 16);
  const Simulation gpipe = simulate(scenario, pipeline(ScheduleKind::gpipe, 4)),
                   flush = simulate(scenario, pipeline(ScheduleKind::one_f_one_b, 4));
  const Bytes layer = price_split(scenario, block_kinds(scenario.given.model), {}).blocks.front().saved;
  for (int stage = 0; stage < 4; ++stage) {
    const auto s = static_cast<std::size_t>(stage);
    EXPECT_EQ(gpipe.roles[s].in_flight, 16);
    EXPECT_EQ(flush.roles[s].in_flight, 4 - stage);
    EXPECT_EQ(gpipe.memory.stages[s].activations, 16 * layer);
    EXPECT_EQ(flush.memory.stages[s].activations, (4 - stage) * layer);
  }
}

TEST(CourseSimulation, InterleavedDividesTheBubbleByTheChunks) {
  // E32: v = 2, K = 4, M = 8: bubble (K - 1)(F + B) / v = 45 ms of 285.
  const Simulation s =
      simulate(test::layers_that_take(Seconds{0.005}, 8, 4, 8), pipeline(ScheduleKind::interleaved, 4, 2));
  EXPECT_NEAR(milliseconds(s), 285, rounding);
  for (const RoleReport& role : s.roles) EXPECT_NEAR(role.breakdown.bubble / s.step, 0.1579, 5e-5);
}

TEST(CourseSimulation, ZeroBubbleFillsTheBubbleWithWeights) {
  // E32: F = B = W = 10 ms, K = 4: (K - 1)(F + B - W) = 30 ms, where 1F1B has (K - 1)(F + B + W) = 90 ms.
  const PricedScenario scenario = test::layers_that_take(Seconds{0.010}, 4, 4, 8);
  EXPECT_NEAR(milliseconds(simulate(scenario, pipeline(ScheduleKind::zb_h1, 4))), 8 * 30 + 30, rounding);
  EXPECT_NEAR(milliseconds(simulate(scenario, pipeline(ScheduleKind::one_f_one_b, 4))), 8 * 30 + 90, rounding);
}

TEST(CourseSimulation, BucketsHideHalfOfTheGradients) {
  // E33: 4 layers, backward 10 ms each (F = 5 ms), all-reduce 6 ms a layer. Afterwards: 40 + 24 ms. In two buckets of
  // 12 ms: the first is ready at 20 and done at 32, the second is ready at 40 and done at 52.
  const Bytes gradients{24.0 * 4096 * 4096};  // of a layer
  PricedScenario scenario = test::layers_that_take(Seconds{0.005}, 4, 2, 2, gradients / Seconds{0.006});
  scenario.given.stack.bucket = 2 * 12.0 * 4096 * 4096;
  const auto after_forward = [&](double hides) {
    scenario.given.stack.overlap.dp = hides;
    return milliseconds(simulate(scenario, {.dp = 2})) - 4 * 5;
  };
  EXPECT_NEAR(after_forward(0), 64, rounding);
  EXPECT_NEAR(after_forward(1), 52, rounding);
  scenario.given.stack.bucket = 4 * 12.0 * 4096 * 4096;  // I-30: one bucket is serial
  EXPECT_NEAR(after_forward(1), 64, rounding);
}

TEST(CourseSimulation, OfARingHidesSendsThatAreShorterThanTheirBlocks) {
  // E45: 131072 tokens over 8. A block takes 4 (L/p)^2 D / 312e12 = 14.1 ms, sending its keys and values 4 (L/p) D
  // bytes. Backward computes 2.5 times as much and sends their gradients as well: 7 messages, one step behind, the last
  // one home when nothing is left to compute.
  const double rows = 131072.0 / 8, block = 4 * rows * rows * 4096 / 312e12, bytes = 4 * rows * 4096;
  EXPECT_NEAR(block, 0.0141, 5e-5);
  Scenario given = test::course_scenario(8, {.sequence = 131072, .global_batch = 1, .dtype = DType::fp16}, test::m7(1));
  given.stack.attention = AttentionKernel::flash2;
  given.stack.overlap.cp = 1;
  const auto ring = [&](double bandwidth) {
    return simulate(test::with_costs(given, {.attention = FlopsPerSecond{312e12}, .links = BytesPerSecond{bandwidth}}),
                    {.cp = 8});
  };
  const Simulation fast = ring(25e9), slow = ring(15e9);
  const auto gradients = [&](const Simulation& s) {
    return s.roles[0].breakdown.exposed_in(Dimension::dp).value();
  };  // weights are replicated
  EXPECT_NEAR(bytes / 25e9, 0.0107, 5e-5);
  EXPECT_NEAR(fast.roles[0].breakdown.exposed_in(Dimension::cp).value(), bytes / 25e9, 1e-9);
  EXPECT_NEAR(fast.roles[0].breakdown.hidden_in(Dimension::cp).value(), (7 * 3 - 1) * bytes / 25e9, 1e-9);
  EXPECT_NEAR(fast.step.value() - gradients(fast), 8 * 3.5 * block + bytes / 25e9, 1e-9);
  const double send = bytes / 15e9;
  const double backward = 2 * std::max(0.0, send - 2.5 * block) + 5 * std::max(0.0, 2 * send - 2.5 * block) +
                          std::max(0.0, send - 2.5 * block) + send;
  EXPECT_NEAR(slow.roles[0].breakdown.exposed_in(Dimension::cp).value(), 7 * std::max(0.0, send - block) + backward,
              1e-9);
}

// Ring attention under a causal mask: rank r computes `share(r, owner)` of a block on the keys of each rank, which
// arrive one step after the other.
template <class Share>
Tick causal_ring(int ranks, Tick block, Share share) {
  TaskGraphBuilder builder;
  for (int r = 0; r < ranks; ++r) {
    const StreamId stream = builder.add_stream();
    for (int step = 0; step < ranks; ++step) {
      const double part = share(r, (r - step + ranks) % ranks);
      builder.enqueue(builder.add_task(static_cast<Tick>(part * static_cast<double>(block))), stream);
    }
  }
  return replay(builder.build()).makespan;
}

TEST(CourseSimulation, OfACausalRingIsThatOfTheLastRankWithoutZigZag) {
  // E47, p = 8: the last rank computes half of its own block and seven whole ones; in zig-zag everybody half a block at
  // every step: 7.5 / 4.
  const Tick block = 1000;
  const Tick plain = causal_ring(8, block, [](int rank, int owner) {
    return owner > rank ? 0 : owner == rank ? 0.5 : 1;
  });
  const Tick zigzag = causal_ring(8, block, [](int, int) { return 0.5; });
  EXPECT_EQ(plain, 7500U);
  EXPECT_EQ(static_cast<double>(plain) / static_cast<double>(zigzag), 1.875);
}

}  // namespace
}  // namespace forerun
