// Do all readers say the same of the forward step of any plan?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "strategies/closed_form/forward_estimate.hpp"
#include "strategies/programs/steps/inference/lower_forward.hpp"
#include "strategies/simulation/check_order.hpp"
#include "strategies/simulation/simulation.hpp"
#include "tests/support/lowered_plans.hpp"

namespace forerun {
namespace {

struct DrawnForward {
  Scenario given;
  Plan plan;
  ForwardBatch batch;
};

// Lengths that context and sequence parallelism can cut.
ForwardBatch some_batch(const Plan& plan) {
  ForwardBatch batch;
  for (int m = *rc::gen::inRange(1, 8); m > 0; --m) {
    std::vector<std::int64_t> lengths;
    for (int i = *rc::gen::inRange(1, 4); i > 0; --i)
      lengths.push_back(std::int64_t{2} * plan.cp * plan.tp * *rc::gen::inRange(1, 5));
    batch.push_back(micro_batch_of(lengths));
  }
  return batch;
}

DrawnForward some_forward_step() {
  auto [given, plan] = test::some_lowered_plan({1, 2, 4, 8, 16, 32});
  plan.zero = 0, plan.zero_exchange = ZeroExchange::every_pass, plan.sharding_group = 0, plan.offload = {},
  plan.recompute = Recompute::none;
  RC_PRE(plan.pp == 1 || traits(plan.schedule).route == ChunkRoute::round_robin);
  if (plan.schedule == ScheduleKind::zb_auto) plan.activation_limit = 1;
  ForwardBatch batch = some_batch(plan);
  const Problems problems = check_forward(given, plan, batch);
  for (const Problem& problem : problems) RC_LOG() << problem.message << '\n';
  RC_ASSERT(problems.empty());
  return {given, plan, batch};
}

RC_GTEST_PROP(ForwardSteps, EndAndHoldTheMemoryOfTheClosedForm, ()) {
  const auto [given, plan, batch] = some_forward_step();
  const PricedScenario scenario = test::priced(given);
  RC_ASSERT(check_order(scenario, lower_forward(scenario, plan, batch)).empty());
  const MemoryUse expected = estimate_forward(scenario, plan, batch).memory,
                  found = simulate_forward(scenario, plan, batch).memory;
  for (std::size_t s = 0; s < found.stages.size(); ++s) {
    const StageMemory& own = found.stages[s];
    RC_LOG() << "stage " << s << ": " << expected.stages[s].allocated().value() << " " << own.allocated().value()
             << '\n';
    RC_ASSERT(own.allocated() == expected.stages[s].allocated());
    RC_ASSERT(own.gradients + own.optimizer + own.activations + own.gathered == Bytes{0});
  }
  RC_ASSERT(found.total() == expected.total());
}

RC_GTEST_PROP(ForwardSteps, TakeTheTimeOfTheClosedForm, ()) {
  auto [given, plan, batch] = some_forward_step();
  given.job.expert_skew = 1;  // the closed form takes the busiest rank for all
  const PricedScenario scenario = test::priced(given);
  const Seconds expected = estimate_forward(scenario, plan, batch).step.median,
                found = simulate_forward(scenario, plan, batch).step;
  RC_LOG() << expected.value() << ' ' << found.value() << '\n';
  // Ticks round. Exchanges of low-rank factors may go on beside the next block, which the closed form does not see: in
  // training, too, it is then off by a few percent.
  RC_ASSERT(std::abs(expected / found - 1) < (is_low_rank(given.job.tuning) ? 0.1 : 1e-6));
}

}  // namespace
}  // namespace forerun
