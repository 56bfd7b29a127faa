// Is the automatic zero-bubble schedule a schedule, whatever the times and limits?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "strategies/schedules/schedule_fill.hpp"
#include "strategies/schedules/schedules.hpp"
#include "tests/support/schedule_cases.hpp"
#include "tests/support/schedule_oracle.hpp"

namespace forerun {
namespace {

using test::per_case;

struct Case {
  PassTimes times;
  int micro_batches;
  FillLimits limits;
  StepEnd end;
};

Case some_case(int least_share) {
  const int stages = test::any(1, 17);
  Case c{test::some_times(stages, 1),
         test::any(1, 50),
         {},
         test::any(0, 2) == 0 ? StepEnd::together : StepEnd::each_stage};
  test::draw_links(c.times, 40);
  c.limits.held = test::any(0, 3 * stages + 1);
  for (int s = 0; s < stages; ++s) c.limits.released.push_back(test::any(least_share, 11) / 10.0);
  return c;
}

Plan plan_of(const PassTimes& t) {
  Plan plan;
  plan.pp = t.stages, plan.schedule = ScheduleKind::zb_auto;
  return plan;
}

RC_GTEST_PROP(FilledSchedule, IsValidAndWithinItsLimit, ()) {
  for (int i = 0; i < per_case; ++i) {
    const Case c = some_case(0);
    const ScheduleTable table = filled_schedule(c.times, c.micro_batches, c.limits, c.end);
    RC_ASSERT(check_schedule(table, plan_of(c.times)).empty());
    for (int s = 0; s < table.stages; ++s) {
      RC_ASSERT(test::most_held(table, s, c.limits.released[static_cast<std::size_t>(s)]) <=
                std::max(c.limits.held, double(table.stages - s)) + 1e-6);
    }
  }
}

RC_GTEST_PROP(FilledSchedule, IsValidWhereInputGradientsKeepMore, ()) {
  const Case c = some_case(-10);
  RC_ASSERT(check_schedule(filled_schedule(c.times, c.micro_batches, c.limits, c.end), plan_of(c.times)).empty());
}

// No order beats the work of the busiest stage, nor one micro-batch on its way there and back.
RC_GTEST_PROP(FilledSchedule, IsNoFasterThanItsWork, ()) {
  const Case c = some_case(0);
  const PassTimes& t = c.times;
  const test::DrawnSchedule drawn =
      test::draw(ScheduleKind::zb_auto, filled_schedule(t, c.micro_batches, c.limits, c.end), t);
  double round_trip = 0;
  for (std::size_t s = 0; s < t.forward.size(); ++s) {
    const double work = (t.forward[s] + t.input_gradient[s] + t.weight_gradient[s]).value();
    RC_ASSERT(drawn.stage_end[s] - drawn.stage_start[s] >= c.micro_batches * work - 1e-9);
    round_trip += (t.forward[s] + t.input_gradient[s]).value();
    if (s > 0) round_trip += 2 * t.links[s - 1].value();
  }
  RC_ASSERT(drawn.makespan() >= round_trip + t.weight_gradient[0].value() - 1e-9);
}

// The first stage, for whose gradients nobody waits, does every W that is ready before it waits again.
RC_GTEST_PROP(FilledSchedule, LeavesNoWeightGradientBehindOnTheFirstStage, ()) {
  for (int i = 0; i < per_case; ++i) {
    const Case c = some_case(0);
    const ScheduleTable table = filled_schedule(c.times, c.micro_batches, c.limits, c.end);
    const test::DrawnSchedule drawn = test::draw(ScheduleKind::zb_auto, table, c.times);
    int forwards = 0, ready = 0;
    for (std::size_t p = 0; p < table.first[1]; ++p) {
      if (forwards == c.micro_batches && p > 0 && drawn.start[p] > drawn.end[p - 1]) RC_ASSERT(ready == 0);
      forwards += table.passes[p].kind == PassKind::forward ? 1 : 0;
      ready += table.passes[p].kind == PassKind::input_gradient    ? 1
               : table.passes[p].kind == PassKind::weight_gradient ? -1
                                                                   : 0;
    }
  }
}

// In what it makes short it is no slower than the schedule that makes the other thing short; and the same twice.
RC_GTEST_PROP(FilledSchedule, MakesShortWhatItIsAskedTo, ()) {
  const Case c = some_case(0);
  const auto filled = [&](StepEnd end) { return filled_schedule(c.times, c.micro_batches, c.limits, end); };
  const test::DrawnSchedule together = test::draw(ScheduleKind::zb_auto, filled(StepEnd::together), c.times);
  const test::DrawnSchedule each = test::draw(ScheduleKind::zb_auto, filled(StepEnd::each_stage), c.times);
  RC_ASSERT(together.makespan() <= each.makespan() + 1e-9);
  RC_ASSERT(each.longest_stage() <= together.longest_stage() + 1e-9);
  RC_ASSERT(filled(c.end) == filled(c.end));
}

}  // namespace
}  // namespace forerun
