#include "strategies/plan_schedule.hpp"

#include "strategies/closed_form.hpp"
#include "strategies/schedules.hpp"

namespace forerun {
ScheduleTable make_table(const Plan& plan, const PassTimes& times, std::int64_t micro_batches) {
  const int m = static_cast<int>(micro_batches);
  if (plan.pp == 1) return one_stage_schedule(m);
  switch (plan.schedule) {
    case ScheduleKind::gpipe: return gpipe_schedule(plan.pp, m);
    case ScheduleKind::one_f_one_b: return one_f_one_b_schedule(plan.pp, m);
    case ScheduleKind::interleaved: return interleaved_schedule(plan.pp, plan.virtual_stages, m);
    case ScheduleKind::zb_h1: return zb_h1_schedule(plan.pp, m);
    case ScheduleKind::zb_h2: return zb_h2_schedule(plan.pp, m);
    case ScheduleKind::zb_v: return zb_v_schedule(plan.pp, m);
    case ScheduleKind::dualpipe: return dualpipe_schedule(plan.pp, m);
    case ScheduleKind::zb_auto: return automatic_schedule(times, m, {.micro_batches = plan.activation_limit * plan.pp, .by_input_gradient = times.released});
  }
  return {};
}

ScheduleTable schedule_of(const PricedScenario& scenario, const BlockKinds& kinds, const Plan& plan, std::int64_t micro_batches) {
  if (plan.schedule != ScheduleKind::zb_auto) return make_table(plan, {}, micro_batches);
  const ClosedFormContext context(scenario);
  return make_table(plan, ClosedForm(context).times(price_split(scenario, kinds, split_of(plan)), plan), micro_batches);
}

}  // namespace forerun
