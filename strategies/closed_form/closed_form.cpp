#include "strategies/closed_form/closed_form.hpp"

#include "strategies/closed_form/plan_pricer.hpp"

namespace forerun {

ClosedForm::ClosedForm(const ClosedFormContext& context) : pricer_(std::make_unique<PlanPricer>(context)) {}
ClosedForm::~ClosedForm() = default;

void ClosedForm::memory(const SplitPrices& prices, const Plan& plan, MemoryUse& use) {
  pricer_->memory(prices, plan, use);
}
void ClosedForm::time(const SplitPrices& prices, const Plan& plan, Estimate& e) { pricer_->time(prices, plan, e); }
void ClosedForm::evaluate(const SplitPrices& prices, const Plan& plan, Estimate& e) {
  memory(prices, plan, e.memory);
  time(prices, plan, e);
}
const PassTimes& ClosedForm::times(const SplitPrices& prices, const Plan& plan) { return pricer_->times(prices, plan); }

Estimate estimate(const PricedScenario& scenario, const Plan& plan) {
  const ClosedFormContext context(scenario);
  ClosedForm form(context);
  Estimate result;
  form.evaluate(price_split(scenario, context.kinds, split_of(plan)), plan, result);
  return result;
}

}  // namespace forerun
