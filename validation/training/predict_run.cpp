#include "validation/training/predict_run.hpp"

#include "strategies/closed_form/block_price.hpp"

namespace forerun {

Estimate predict(const ClosedFormContext& context, const ReadRun& run) {
  constexpr double memory_error = 0.05;
  ClosedForm form(context);
  Estimate estimate;
  Plan plan = run.plan;
  const auto evaluate = [&](Recompute recompute) {
    plan.recompute = recompute;
    form.evaluate(price_split(context.scenario, context.kinds, split_of(plan)), plan, estimate);
  };
  evaluate(plan.recompute);
  if (!run.recompute_unstated) return estimate;
  const auto fits = [&] { return estimate.memory.fits(-memory_error); };
  for (const Recompute more : {Recompute::selective, Recompute::full}) {
    if (!fits()) evaluate(more);
  }
  if (!fits()) evaluate(run.plan.recompute);
  return estimate;
}

}  // namespace forerun
