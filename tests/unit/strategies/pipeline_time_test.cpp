// Does a pipeline take the time that one draws on paper?
#include <gtest/gtest.h>

#include <random>

#include "strategies/schedules/pipeline_time.hpp"

namespace forerun {
namespace {

// `forward` and `backward` of a micro-batch on each stage, spread evenly over its v chunks.
Seconds pipeline_time(ScheduleKind schedule, const std::vector<Seconds>& forward, const std::vector<Seconds>& backward,
                      int micro_batches, int v, Seconds link = {}) {
  Plan plan;
  plan.pp = static_cast<int>(forward.size()), plan.virtual_stages = v, plan.schedule = schedule;
  PassTimes times;
  times.assign(plan.pp, v);
  times.link_all(link);
  for (std::size_t i = 0; i < times.forward.size(); ++i) {
    times.forward[i] = forward[i / static_cast<std::size_t>(v)] / v;
    times.backward[i] = backward[i / static_cast<std::size_t>(v)] / v;
  }
  std::vector<Seconds> finish;
  return PipelineTime()(plan, times, micro_batches, finish);
}

Seconds uniform(ScheduleKind schedule, int stages, int micro_batches, double forward, double backward, int v = 1) {
  const auto n = static_cast<std::size_t>(stages);
  return pipeline_time(schedule, std::vector(n, Seconds{forward}), std::vector(n, Seconds{backward}), micro_batches, v);
}

// Of the whole time, and relative to the time without a bubble.
double bubble_of_total(ScheduleKind schedule, int stages, int m, int v = 1) {
  return 1 - 3.0 * m / uniform(schedule, stages, m, 1, 2, v).value();
}
double bubble_to_ideal(ScheduleKind schedule, int stages, int m) {
  return uniform(schedule, stages, m, 1, 2).value() / (3.0 * m) - 1;
}

TEST(PipelineTime, HasTheBubblesOfTheCourse) {
  const struct {
    int stages, micro_batches;
    double of_total, to_ideal;
  } e28[] = {{4, 4, 0.4286, 0.75}, {4, 16, 0.1579, 0.1875}, {8, 32, 0.1795, 0.2188}, {8, 64, 0.0986, 0.1094}};
  for (const ScheduleKind schedule : {ScheduleKind::gpipe, ScheduleKind::one_f_one_b}) {
    for (const auto& row : e28) {
      EXPECT_NEAR(bubble_of_total(schedule, row.stages, row.micro_batches), row.of_total, 5e-5);
      EXPECT_NEAR(bubble_to_ideal(schedule, row.stages, row.micro_batches), row.to_ideal, 5e-5);
    }
  }
}

TEST(PipelineTime, NeedsSixtyThreeMicroBatchesForATenth) {
  EXPECT_LE(bubble_of_total(ScheduleKind::one_f_one_b, 8, 63), 0.1 + 1e-12);  // E29: 7/70
  EXPECT_GT(bubble_of_total(ScheduleKind::one_f_one_b, 8, 62), 0.1);
}

TEST(PipelineTime, OfFourStagesAndEightMicroBatches) {
  // E30: (8 + 4 - 1) x (10 + 20) ms.
  EXPECT_NEAR(uniform(ScheduleKind::gpipe, 4, 8, 0.010, 0.020).value(), 0.330, 1e-12);
  EXPECT_NEAR(uniform(ScheduleKind::one_f_one_b, 4, 8, 0.010, 0.020).value(), 0.330, 1e-12);
}

TEST(PipelineTime, OfInterleavedStagesDividesTheBubble) {
  EXPECT_NEAR(bubble_of_total(ScheduleKind::interleaved, 4, 8, 2), 0.1579, 5e-5);  // E32: 1.5 / 9.5
}

TEST(PipelineTime, WithoutAPipelineIsTheWork) {
  for (const ScheduleKind schedule : {ScheduleKind::gpipe, ScheduleKind::one_f_one_b}) {
    EXPECT_NEAR(uniform(schedule, 1, 7, 1, 2).value(), 21, 1e-12);
    EXPECT_NEAR(uniform(schedule, 5, 1, 1, 2).value(), 15, 1e-12);  // one micro-batch: one after the other
  }
}

// Stage i starts a micro-batch when it is free and the neighbour is done with it; all forward passes, then all backward
// ones.
double drawn_gpipe(const std::vector<double>& forward, const std::vector<double>& backward, int m) {
  const std::size_t stages = forward.size();
  std::vector<double> free(stages, 0);
  std::vector<double> done(static_cast<std::size_t>(m), 0);
  for (auto& ready : done) {
    for (std::size_t s = 0; s < stages; ++s) ready = free[s] = std::max(free[s], ready) + forward[s];
  }
  for (auto& ready : done) {
    for (std::size_t s = stages; s-- > 0;) ready = free[s] = std::max(free[s], ready) + backward[s];
  }
  return free.front();
}

TEST(PipelineTime, OfUnequalStagesUnderGPipeIsExact) {
  // I-23: sum F + (M-1) max F + sum B + (M-1) max B.
  std::mt19937 random(1);
  std::uniform_int_distribution<int> ticks(1, 50), count(1, 8);
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<double> forward, backward;
    std::vector<Seconds> f, b;
    for (int stage = count(random); stage > 0; --stage) {
      f.emplace_back(forward.emplace_back(ticks(random)));
      b.emplace_back(backward.emplace_back(ticks(random)));
    }
    const int m = count(random);
    EXPECT_EQ(pipeline_time(ScheduleKind::gpipe, f, b, m, 1).value(), drawn_gpipe(forward, backward, m));
  }
}

TEST(PipelineTime, IsNeverBelowTheBoundOfAnyFlush) {
  // I-24: max over stages of what lies before it and all of its own work.
  const std::vector<Seconds> f{Seconds{1}, Seconds{4}, Seconds{2}}, b{Seconds{3}, Seconds{5}, Seconds{2}};
  const double bound = (1 + 3) + 6 * (4 + 5);
  EXPECT_GE(pipeline_time(ScheduleKind::one_f_one_b, f, b, 6, 1).value(), bound);
}

double extra_of_links(ScheduleKind schedule, int k, int m) {
  const std::vector<Seconds> f(static_cast<std::size_t>(k), Seconds{10}), b(static_cast<std::size_t>(k), Seconds{20});
  return (pipeline_time(schedule, f, b, m, 1, Seconds{1}) - pipeline_time(schedule, f, b, m, 1)).value();
}

TEST(PipelineLinks, OfGPipeCostTheWayUpAndBack) {
  for (const int k : {2, 4, 8}) EXPECT_NEAR(extra_of_links(ScheduleKind::gpipe, k, 32), 2.0 * (k - 1), 1e-9);
}

TEST(PipelineLinks, OfOneForwardOneBackwardCostARoundTripForEveryTurn) {
  // I-26: 68 latencies for K = 8, M = 32; 16 for K = 4, M = 8.
  EXPECT_NEAR(extra_of_links(ScheduleKind::one_f_one_b, 8, 32), 68, 1e-9);
  EXPECT_NEAR(extra_of_links(ScheduleKind::one_f_one_b, 4, 8), 16, 1e-9);
}

}  // namespace
}  // namespace forerun
