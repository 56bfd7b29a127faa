#include "strategies/schedules/plan_schedule.hpp"

#include "strategies/schedules/schedule_fill.hpp"
#include "strategies/schedules/schedules.hpp"

namespace forerun {
namespace {

// What of a step the slowest stage takes: from the first pass of any, or of its own where stages do not wait for each
// other.
Seconds span_of(const ScheduleTable& table, const Plan& plan, const PassTimes& times) {
  std::vector<Seconds> forward, backward, finish;
  const Seconds all = run_table(table, plan, times, forward, backward, finish);
  if (times.barrier) return all;
  Seconds longest{0}, lead{0};
  for (std::size_t s = 0; s < finish.size(); ++s) {
    longest = max(longest, finish[s] - lead);
    lead += times.forward[s] + times.link;
  }
  return longest;
}

}  // namespace

ScheduleTable make_table(const Plan& plan, const PassTimes& times, std::int64_t micro_batches) {
  const int m = static_cast<int>(micro_batches);
  if (plan.pp == 1) return one_stage_schedule(m);
  switch (plan.schedule) {
    case ScheduleKind::gpipe:
      return gpipe_schedule(plan.pp, m);
    case ScheduleKind::one_f_one_b:
      return one_f_one_b_schedule(plan.pp, m);
    case ScheduleKind::interleaved:
      return interleaved_schedule(plan.pp, plan.virtual_stages, m);
    case ScheduleKind::zb_h1:
      return zb_h1_schedule(plan.pp, m);
    case ScheduleKind::zb_h2:
      return zb_h2_schedule(plan.pp, m);
    case ScheduleKind::zb_v:
      return zb_v_schedule(plan.pp, m);
    case ScheduleKind::dualpipe:
      return dualpipe_schedule(plan.pp, m);
    case ScheduleKind::zb_auto: {
      // As published, a micro-batch counts until its W has run, whatever its B gave back.
      const FillLimits limits{.held = plan.activation_limit * plan.pp,
                              .released = std::vector<double>(static_cast<std::size_t>(plan.pp), 0.0)};
      ScheduleTable filled = filled_schedule(times, m, limits, times.barrier ? StepEnd::together : StepEnd::each_stage),
                    plain = zb_h1_schedule(plan.pp, m);
      return span_of(plain, plan, times) < span_of(filled, plan, times) ? plain : filled;
    }
  }
  return {};
}

}  // namespace forerun
