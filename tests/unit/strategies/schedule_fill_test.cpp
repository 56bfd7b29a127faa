// Does the automatic zero-bubble schedule reach what its paper prints?
#include "strategies/schedules/schedule_fill.hpp"

#include <gtest/gtest.h>

#include "tests/support/schedule_oracle.hpp"

namespace forerun {
namespace {

// Qi et al. 2023, tables 3, 5 and 6: shape, profiled milliseconds, and the bubble rates that the authors' own schedules
// have with them.
struct Row {
  int heads, hidden, stages, micro_batches;
  double forward, input_gradient, weight_gradient, link;
  double zb_1p, zb_2p;
};
constexpr Row table_5[] = {
    {24, 2304, 8, 24, 18.522, 18.086, 9.337, 0.601, 0.1585, 0.0433},
    {24, 2304, 8, 32, 18.513, 18.086, 9.331, 0.626, 0.1242, 0.0039},
    {24, 2304, 8, 64, 18.546, 18.097, 9.321, 0.762, 0.0674, 0.0026},
    {32, 4096, 8, 24, 29.718, 29.444, 19.927, 0.527, 0.1323, 0.0029},
    {32, 4096, 8, 32, 29.802, 29.428, 19.530, 0.577, 0.1045, 0.0022},
    {32, 4096, 8, 64, 29.935, 29.621, 19.388, 0.535, 0.0554, 0.0010},
    {40, 5120, 16, 48, 11.347, 11.248, 8.132, 0.377, 0.1397, 0.0066},
    {40, 5120, 16, 64, 11.307, 11.254, 8.101, 0.379, 0.1088, 0.0054},
    {40, 5120, 16, 128, 11.325, 11.308, 8.109, 0.378, 0.0576, 0.0028},
    {48, 6144, 32, 96, 10.419, 10.207, 7.715, 0.408, 0.1421, 0.0038},
    {48, 6144, 32, 128, 10.408, 10.204, 7.703, 0.408, 0.1106, 0.0029},
    {48, 6144, 32, 256, 10.402, 10.248, 7.698, 0.460, 0.0594, 0.0018},
};

// Table 1 of the paper: a forward saves M_B = s b (34 h + 5 a s), of which M_W = 32 s b h wait for W; s = 1024.
double released(const Row& row) { return 1 - 32.0 * row.hidden / (34.0 * row.hidden + 5.0 * row.heads * 1024); }

FillLimits limits(int stages, double held, double share) {
  return {.held = held, .released = std::vector(static_cast<std::size_t>(stages), share)};
}

ScheduleTable filled(const Row& row, const PassTimes& t, double limit, StepEnd end) {
  return filled_schedule(t, row.micro_batches, limits(row.stages, limit * row.stages, released(row)), end);
}

// Section 5.3: (cost - m (F + B + W)) / cost, the cost being the longest execution time of a stage.
double bubble_rate(const Row& row, double limit) {
  const PassTimes t = test::equal_times(row.stages, 1, row.forward, row.input_gradient, row.weight_gradient, row.link);
  const ScheduleTable table = filled(row, t, limit, StepEnd::each_stage);
  const double cost = test::draw(ScheduleKind::zb_auto, table, t).longest_stage();
  return 1 - row.micro_batches * (row.forward + row.input_gradient + row.weight_gradient) / cost;
}

TEST(FilledSchedule, HasTheBubblesThatThePaperPrints) {
  for (const Row& row : table_5) {
    EXPECT_NEAR(bubble_rate(row, 1), row.zb_1p, 5e-5)
        << row.stages << " stages, " << row.micro_batches << " micro-batches";
    EXPECT_NEAR(bubble_rate(row, 2), row.zb_2p, 5e-5)
        << row.stages << " stages, " << row.micro_batches << " micro-batches";
  }
}

TEST(FilledSchedule, HoldsNoMoreThanItMay) {
  for (const Row& row : table_5) {
    for (const double limit : {1.0, 1.5, 2.0}) {
      const PassTimes t =
          test::equal_times(row.stages, 1, row.forward, row.input_gradient, row.weight_gradient, row.link);
      for (const StepEnd end : {StepEnd::together, StepEnd::each_stage}) {
        const ScheduleTable table = filled(row, t, limit, end);
        for (int s = 0; s < row.stages; ++s)
          EXPECT_LE(test::most_held(table, s, released(row)), limit * row.stages + 1e-6) << s;
      }
    }
  }
}

// F = B = W = 1. Stage 1 starts at 1 and is busy until 7. Stage 0 has done its forwards at 2, waits for its first
// gradient until 3, has room for a W at 4, its second gradient at 5, and its last W from 6 to 7.
TEST(FilledSchedule, OfTwoStagesIsTheOneDrawnByHand) {
  const PassTimes t = test::equal_times(2, 1, 1, 1, 1);
  const ScheduleTable table = filled_schedule(t, 2, limits(2, 4, 0.5), StepEnd::together);
  const Pass f0{0, 0, PassKind::forward}, f1{1, 0, PassKind::forward}, b0{0, 0, PassKind::input_gradient},
      b1{1, 0, PassKind::input_gradient};
  const Pass w0{0, 0, PassKind::weight_gradient}, w1{1, 0, PassKind::weight_gradient};
  EXPECT_EQ(std::vector(table.of(0).begin(), table.of(0).end()), (std::vector{f0, f1, b0, w0, b1, w1}));
  EXPECT_EQ(std::vector(table.of(1).begin(), table.of(1).end()), (std::vector{f0, b0, f1, b1, w0, w1}));
  EXPECT_EQ(test::draw(ScheduleKind::zb_auto, table, t).makespan(), 7);
}

TEST(FilledSchedule, OfOneStageOnlyWorks) {
  const PassTimes t = test::equal_times(1, 1, 2, 3, 1);
  EXPECT_EQ(test::draw(ScheduleKind::zb_auto, filled_schedule(t, 5, limits(1, 1, 0), StepEnd::together), t).makespan(),
            5 * 6);
}

TEST(FilledSchedule, OfOneMicroBatchGoesThereAndBack) {
  // Down: 4 F and 3 links; back: 4 B and 3 links; W of the first stage last: 4 x 2 + 3 + 4 x 3 + 3 + 1.
  const PassTimes t = test::equal_times(4, 1, 2, 3, 1, 1);
  EXPECT_EQ(test::draw(ScheduleKind::zb_auto, filled_schedule(t, 1, limits(t.stages, 4, 0.5), StepEnd::together), t)
                .makespan(),
            27);
}

}  // namespace
}  // namespace forerun
