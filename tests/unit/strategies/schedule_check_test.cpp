// Is a table that is no schedule refused, with the reason?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "strategies/schedules/schedules.hpp"

namespace forerun {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr PassKind forward = PassKind::forward, backward = PassKind::backward, input = PassKind::input_gradient,
                   weight = PassKind::weight_gradient;

ScheduleTable table_of(const std::vector<std::vector<Pass>>& stages, int micro_batches, int chunks = 1) {
  ScheduleTable table{static_cast<int>(stages.size()), chunks, micro_batches, {}, {0}};
  for (const auto& passes : stages) {
    table.passes.insert(table.passes.end(), passes.begin(), passes.end());
    table.first.push_back(static_cast<std::uint32_t>(table.passes.size()));
  }
  return table;
}

Plan plan_of(ScheduleKind kind, int stages, int virtual_stages = 1) {
  Plan plan;
  plan.pp = stages, plan.virtual_stages = virtual_stages, plan.schedule = kind;
  return plan;
}

// Two stages, two micro-batches: F0 F1 D0 D1 and F0 D0 F1 D1, with one stage as given.
Problems check_first(const std::vector<Pass>& stage) {
  return check_schedule(table_of({stage, {{0, 0, forward}, {0, 0, backward}, {1, 0, forward}, {1, 0, backward}}}, 2),
                        plan_of(ScheduleKind::one_f_one_b, 2));
}
Problems check_second(const std::vector<Pass>& stage) {
  return check_schedule(table_of({{{0, 0, forward}, {1, 0, forward}, {0, 0, backward}, {1, 0, backward}}, stage}, 2),
                        plan_of(ScheduleKind::one_f_one_b, 2));
}

auto says(const char* what) { return Contains(Field(&Problem::message, HasSubstr(what))); }

TEST(CheckSchedule, AcceptsWhatTheRefusedOnesAreMadeOf) {
  EXPECT_THAT(check_first({{0, 0, forward}, {1, 0, forward}, {0, 0, backward}, {1, 0, backward}}), IsEmpty());
}

TEST(CheckSchedule, RefusesMissingPasses) {
  EXPECT_THAT(check_first({{0, 0, forward}, {0, 0, backward}, {1, 0, backward}}),
              says("stage 0: forward of micro-batch 1, chunk 0 is missing"));
  EXPECT_THAT(check_first({{0, 0, forward}, {1, 0, forward}, {0, 0, backward}}),
              says("stage 0: input gradient of micro-batch 1, chunk 0 is missing"));
  EXPECT_THAT(check_first({{0, 0, forward}, {1, 0, forward}, {0, 0, backward}, {1, 0, input}}),
              says("stage 0: weight gradient of micro-batch 1, chunk 0 is missing"));
  EXPECT_THAT(check_second({}), says("stage 1: forward of micro-batch 0, chunk 0 is missing"));
}

TEST(CheckSchedule, RefusesPassesTwice) {
  EXPECT_THAT(check_first({{0, 0, forward}, {1, 0, forward}, {1, 0, forward}, {0, 0, backward}, {1, 0, backward}}),
              says("stage 0: forward of micro-batch 1, chunk 0 runs twice"));
  EXPECT_THAT(check_first({{0, 0, forward}, {1, 0, forward}, {0, 0, backward}, {1, 0, backward}, {0, 0, backward}}),
              says("stage 0: backward of micro-batch 0, chunk 0 runs twice"));
  EXPECT_THAT(check_first({{0, 0, forward}, {1, 0, forward}, {0, 0, backward}, {0, 0, weight}, {1, 0, backward}}),
              says("stage 0: weight gradient of micro-batch 0, chunk 0 runs twice"));
}

TEST(CheckSchedule, RefusesBackwardBeforeForward) {
  EXPECT_THAT(check_first({{0, 0, forward}, {1, 0, backward}, {1, 0, forward}, {0, 0, backward}}),
              says("stage 0: backward of micro-batch 1, chunk 0 comes before its forward"));
}

TEST(CheckSchedule, RefusesWeightBeforeInputGradient) {
  EXPECT_THAT(check_first({{0, 0, forward}, {1, 0, forward}, {0, 0, weight}, {0, 0, input}, {1, 0, backward}}),
              says("stage 0: weight gradient of micro-batch 0, chunk 0 comes before its input gradient"));
}

TEST(CheckSchedule, RefusesWhatDoesNotExist) {
  EXPECT_THAT(check_first({{0, 0, forward}, {1, 0, forward}, {0, 0, backward}, {1, 0, backward}, {2, 0, forward}}),
              says("stage 0: forward of micro-batch 2, chunk 0 does not exist"));
  EXPECT_THAT(check_first({{0, 0, forward}, {1, 0, forward}, {0, 0, backward}, {1, 0, backward}, {0, 1, forward}}),
              says("stage 0: forward of micro-batch 0, chunk 1 does not exist"));
  EXPECT_THAT(check_first({{0, 0, forward}, {1, 0, forward}, {0, 0, backward}, {1, 0, backward}, {-1, 0, forward}}),
              says("forward of micro-batch -1, chunk 0 does not exist"));
}

// Stage 0 wants the gradient of 0 before it sends the activation of 1, which stage 1 wants first.
TEST(CheckSchedule, RefusesStagesThatWaitForEachOther) {
  const Problems problems =
      check_schedule(table_of({{{0, 0, forward}, {0, 0, backward}, {1, 0, forward}, {1, 0, backward}},
                               {{1, 0, forward}, {1, 0, backward}, {0, 0, forward}, {0, 0, backward}}},
                              2),
                     plan_of(ScheduleKind::one_f_one_b, 2));
  EXPECT_THAT(problems, AllOf(says("stage 0: backward of micro-batch 0, chunk 0 never becomes ready"),
                              says("stage 1: forward of micro-batch 1, chunk 0 never becomes ready")));
}

TEST(CheckSchedule, RefusesATableOnAnotherRoute) {
  // ZB-V turns round at the last stage; run round robin, stage 1 does the second half of micro-batch 0 before stage 0
  // has.
  EXPECT_THAT(check_schedule(zb_v_schedule(2, 4), plan_of(ScheduleKind::zb_v, 2, 2)), IsEmpty());
  EXPECT_THAT(check_schedule(zb_v_schedule(2, 4), plan_of(ScheduleKind::interleaved, 2, 2)),
              says("never becomes ready"));
}

TEST(CheckSchedule, RefusesAMicroBatchOfDualPipeThatGoesTheWrongWay) {
  ScheduleTable table = dualpipe_schedule(2, 4);
  EXPECT_THAT(check_schedule(table, plan_of(ScheduleKind::dualpipe, 2)), IsEmpty());
  for (Pass& pass : table.passes) {
    if (pass.micro_batch == 0) pass.chunk = 1;
  }
  EXPECT_THAT(check_schedule(table, plan_of(ScheduleKind::dualpipe, 2)), says("micro-batch 0, chunk 0 is missing"));
}

TEST(CheckSchedule, RefusesAnotherShape) {
  EXPECT_THAT(check_schedule(gpipe_schedule(3, 2), plan_of(ScheduleKind::gpipe, 2)),
              says("3 stages and 1 chunks a stage for a plan of 2 and 1"));
  EXPECT_THAT(check_schedule(interleaved_schedule(2, 3, 2), plan_of(ScheduleKind::interleaved, 2, 2)),
              says("2 stages and 3 chunks a stage for a plan of 2 and 2"));
}

}  // namespace
}  // namespace forerun
