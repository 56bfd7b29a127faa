#include "strategies/plan_runs.hpp"

#include "strategies/closed_form/block_price.hpp"
#include "strategies/closed_form/closed_form.hpp"
#include "strategies/plan/scenario.hpp"
#include "strategies/schedules/schedules.hpp"

namespace forerun {

ScheduleTable schedule_of(const PricedScenario& scenario, const Plan& plan) {
  const std::int64_t micro_batches = micro_batches_of(scenario.given.job, plan);
  if (!traits(plan.schedule).needs_times) return make_table(plan, {}, micro_batches);
  const ClosedFormContext context(scenario);
  const SplitPrices prices = price_split(scenario, context.kinds, split_of(plan));
  return make_table(plan, ClosedForm(context).times(prices, plan), micro_batches);
}

Program lower(const PricedScenario& scenario, const Plan& plan, const LowerOptions& options) {
  return lower(scenario, plan, schedule_of(scenario, plan), options);
}

Simulation simulate(const PricedScenario& scenario, const Plan& plan, const SimulationOptions& options) {
  return simulate(scenario, plan, schedule_of(scenario, plan), options);
}

}  // namespace forerun
