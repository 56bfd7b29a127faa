// Are the tables those that one draws from the papers?
#include <gtest/gtest.h>

#include "strategies/schedules/schedules.hpp"
#include "tests/support/schedule_oracle.hpp"

namespace forerun {
namespace {

// "F0 B0 W0": chunk 0; "f0 b0 w0": chunk 1. B is an input gradient; D and d are whole backward passes.
std::string text(const ScheduleTable& table, int stage) {
  std::string line;
  for (const Pass& pass : table.of(stage)) {
    const char letter = pass.kind == PassKind::forward          ? 'F'
                        : pass.kind == PassKind::backward       ? 'D'
                        : pass.kind == PassKind::input_gradient ? 'B'
                                                                : 'W';
    if (!line.empty()) line += ' ';
    line += static_cast<char>(pass.chunk == 0 ? letter : letter - 'A' + 'a');
    line += std::to_string(pass.micro_batch);
  }
  return line;
}

TEST(GPipe, RunsAllForwardsThenAllBackwards) {
  for (int s = 0; s < 3; ++s) EXPECT_EQ(text(gpipe_schedule(3, 3), s), "F0 F1 F2 D0 D1 D2");
}

TEST(OneForwardOneBackward, WarmsUpForTheStagesBehind) {  // Narayanan et al. 2021, figure 4, top
  const ScheduleTable table = one_f_one_b_schedule(4, 5);
  EXPECT_EQ(text(table, 0), "F0 F1 F2 F3 D0 F4 D1 D2 D3 D4");
  EXPECT_EQ(text(table, 1), "F0 F1 F2 D0 F3 D1 F4 D2 D3 D4");
  EXPECT_EQ(text(table, 2), "F0 F1 D0 F2 D1 F3 D2 F4 D3 D4");
  EXPECT_EQ(text(table, 3), "F0 D0 F1 D1 F2 D2 F3 D3 F4 D4");
  EXPECT_EQ(text(one_f_one_b_schedule(4, 2), 0), "F0 F1 D0 D1");  // fewer than stages
}

TEST(Interleaved, TakesKMicroBatchesAChunk) {  // Megatron: 2 (K - s - 1) + (v - 1) K = 4, 2 passes of warm-up
  const ScheduleTable table = interleaved_schedule(2, 2, 4);
  EXPECT_EQ(text(table, 0), "F0 F1 f0 f1 F2 d0 F3 d1 f2 D0 f3 D1 d2 d3 D2 D3");
  EXPECT_EQ(text(table, 1), "F0 F1 f0 d0 f1 d1 F2 D0 F3 D1 f2 d2 f3 d3 D2 D3");
}

TEST(ZbH1, DelaysTheWeightGradientsByTheStage) {  // Qi et al. 2023, figure 3, top, first stage and last
  const ScheduleTable table = zb_h1_schedule(4, 8);
  EXPECT_EQ(text(table, 0), "F0 F1 F2 F3 B0 W0 F4 B1 W1 F5 B2 W2 F6 B3 W3 F7 B4 W4 B5 W5 B6 W6 B7 W7");
  EXPECT_EQ(text(table, 1), "F0 F1 F2 B0 F3 B1 W0 F4 B2 W1 F5 B3 W2 F6 B4 W3 F7 B5 W4 B6 W5 B7 W6 W7");
  EXPECT_EQ(text(table, 3), "F0 B0 F1 B1 F2 B2 F3 B3 W0 F4 B4 W1 F5 B5 W2 F6 B6 W3 F7 B7 W4 W5 W6 W7");
}

TEST(ZbH2, FillsTheWaitForTheFirstGradientWithForwards) {  // figure 3, bottom: 7, 5, 3, 1 forwards first
  const ScheduleTable table = zb_h2_schedule(4, 8);
  EXPECT_EQ(text(table, 0).substr(0, 32), "F0 F1 F2 F3 F4 F5 F6 B0 W0 F7 B1");
  EXPECT_EQ(text(table, 1).substr(0, 32), "F0 F1 F2 F3 F4 B0 F5 B1 F6 B2 W0");
  EXPECT_EQ(text(table, 3), "F0 B0 F1 B1 F2 B2 F3 B3 F4 B4 F5 B5 F6 B6 W0 F7 B7 W1 W2 W3 W4 W5 W6 W7");
}

TEST(ZbV, TurnsAtTheLastStage) {  // K = 2: stage 0 holds chunks 0 and 3 of four, stage 1 holds 1 and 2
  const ScheduleTable table = zb_v_schedule(2, 4);
  EXPECT_EQ(text(table, 0), "F0 F1 F2 f0 b0 w0 f1 b1 w1 F3 B0 W0 f2 b2 w2 B1 W1 f3 b3 w3 B2 W2 B3 W3");
  EXPECT_EQ(text(table, 1), "F0 f0 F1 f1 b0 w0 F2 B0 W0 f2 b1 w1 F3 B1 W1 f3 b2 w2 B2 b3 B3 W2 w3 W3");
}

// dualpipe.py by hand for K = 4, M = 8. Rank 0 (half rank 0): 2 F0; F0 F1; B1 W1 F1; then 4 - 4 + 0 + 1 = 1 turn of F0
// B1 F1 B0; B1 F1 B0; B1 and, split, B0; W B0; W. Directions: micro-batches 0 to 3 go down as chunk 0, 4 to 7 up as
// chunk 1.
TEST(DualPipe, HasTheEightSteps) {
  const ScheduleTable table = dualpipe_schedule(4, 8);
  EXPECT_EQ(text(table, 0), "F0 F1 F2 f4 b4 w4 f5 F3 d5 f6 D0 d6 f7 D1 d7 B2 W2 B3 W3");
  // Rank 1 (half rank 1): no F0 alone; 2 F0 F1; two turns; two of B1 B0, of which the second is split; two W.
  EXPECT_EQ(text(table, 1), "F0 f4 F1 f5 F2 d4 f6 D0 F3 d5 f7 D1 d6 D2 b7 B3 w7 W3");
  // Rank 3 is rank 0 with the directions exchanged.
  EXPECT_EQ(text(table, 3), "f4 f5 f6 F0 B0 W0 F1 f7 D1 F2 d4 D2 F3 d5 D3 b6 w6 b7 w7");
}

TEST(Tables, OfOneStageDoOneMicroBatchAfterTheOther) { EXPECT_EQ(text(one_stage_schedule(2), 0), "F0 D0 F1 D1"); }

// In chunk passes; the times of E28, E30 to E32.
double makespan(ScheduleKind kind, const ScheduleTable& table, double f, double b, double w) {
  return test::draw(kind, table, test::equal_times(table.stages, table.chunks_per_stage, f, b, w)).makespan();
}

TEST(Tables, HaveTheBubblesOfTheCourse) {
  for (const auto& [k, m, of_total] :
       {std::tuple{4, 4, 0.4286}, {4, 16, 0.1579}, {8, 32, 0.1795}, {8, 64, 0.0986}}) {  // E28
    EXPECT_NEAR(1 - 3.0 * m / makespan(ScheduleKind::gpipe, gpipe_schedule(k, m), 1, 1, 1), of_total, 5e-5);
    EXPECT_NEAR(1 - 3.0 * m / makespan(ScheduleKind::one_f_one_b, one_f_one_b_schedule(k, m), 1, 1, 1), of_total, 5e-5);
  }
  EXPECT_EQ(makespan(ScheduleKind::gpipe, gpipe_schedule(4, 8), 10, 10, 10), 330);  // E30, in ms
  EXPECT_EQ(makespan(ScheduleKind::one_f_one_b, one_f_one_b_schedule(4, 8), 10, 10, 10), 330);
  EXPECT_NEAR(1 - 24 / makespan(ScheduleKind::interleaved, interleaved_schedule(4, 2, 8), 1, 1, 1), 0.1579,
              5e-5);  // E32
  for (const int m : {4, 8, 20}) {  // E32: F = B = W = 10 ms on four stages
    EXPECT_EQ(makespan(ScheduleKind::zb_h1, zb_h1_schedule(4, m), 10, 10, 10) - 30 * m, 30);
    EXPECT_EQ(makespan(ScheduleKind::one_f_one_b, one_f_one_b_schedule(4, m), 10, 10, 10) - 30 * m, 90);
  }
}

TEST(Tables, HoldWhatTheCourseSays) {  // E31
  EXPECT_EQ(test::most_held(gpipe_schedule(4, 16), 0), 16);
  for (int s = 0; s < 4; ++s) EXPECT_EQ(test::most_held(one_f_one_b_schedule(4, 16), s), 4 - s);
}

TEST(OneForwardOneBackward, PaysMoreThanGPipeForLinks) {  // I-26
  const auto extra = [](ScheduleKind kind, const ScheduleTable& table) {
    return test::draw(kind, table, test::equal_times(table.stages, 1, 10, 10, 10, 1)).makespan() -
           makespan(kind, table, 10, 10, 10);
  };
  EXPECT_EQ(extra(ScheduleKind::one_f_one_b, one_f_one_b_schedule(8, 32)), 68);
  EXPECT_EQ(extra(ScheduleKind::one_f_one_b, one_f_one_b_schedule(4, 8)), 16);
  EXPECT_EQ(extra(ScheduleKind::gpipe, gpipe_schedule(8, 32)), 14);  // 2 (K - 1)
  EXPECT_EQ(extra(ScheduleKind::gpipe, gpipe_schedule(4, 8)), 6);
}

}  // namespace
}  // namespace forerun
