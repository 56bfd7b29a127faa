// Is the plan that is recommended the best there is, whatever the scenario?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "strategies/closed_form/block_price.hpp"
#include "strategies/plan/check_plan.hpp"
#include "strategies/search/search.hpp"
#include "tests/support/every_plan.hpp"
#include "tests/support/random_plans.hpp"

namespace forerun {
namespace {

// Odd sizes too, and memory in which only part of the space fits.
Scenario some_small_scenario() {
  Scenario given = test::some_scenario({1, 2, 3, 4, 6, 8});
  given.cluster.nodes[0].node.device.memory.capacity = Bytes{1e9 * *rc::gen::inRange(2, 12)};
  RC_LOG() << given.model.name << " of " << given.model.blocks.size() << " on " << given.gpus << " of "
           << given.cluster.name << " with " << given.stack.name << ", batch " << given.job.global_batch << " x "
           << given.job.sequence << '\n';
  return given;
}

SearchResult search_of(const Scenario& given, const SearchOptions& options = {}) {
  return search(ClosedFormContext(test::priced(given)), options);
}
Seconds best_of(const Scenario& given) {
  const SearchResult result = search_of(given, {.threads = 1});
  return result.best.empty() ? Seconds::infinity() : result.best.front().estimate.step.median;
}

RC_GTEST_PROP(Search, IsTheMinimumOfEverything, ()) {  // I-46, I-48
  const Scenario given = some_small_scenario();
  const SearchResult result = search_of(given);
  const PricedScenario priced = test::priced(given);
  const ClosedFormContext context(priced);
  ClosedForm form(context);
  std::int64_t total = 0;
  Seconds best = Seconds::infinity();
  Estimate e;
  Split last;
  SplitPrices prices = price_split(priced, context.kinds, last);
  test::every_plan(given, [&](const Plan& plan) {
    ++total;
    if (!(split_of(plan) == last)) prices = price_split(priced, context.kinds, last = split_of(plan));
    form.evaluate(prices, plan, e);
    if (e.memory.fits()) best = min(best, e.step.median);
  });
  RC_ASSERT(result.certificate.total == total);
  RC_ASSERT(result.certificate.evaluated + result.certificate.pruned_memory + result.certificate.pruned_bound == total);
  RC_ASSERT(result.best.empty() == (best == Seconds::infinity()));
  if (!result.best.empty()) RC_ASSERT(result.best.front().estimate.step.median == best);
  RC_ASSERT(result.best.empty() == (result.nearest.has_value() || total == 0));
}

RC_GTEST_PROP(Search, RecommendsWhatFits, ()) {  // I-45
  const Scenario given = some_small_scenario();
  const double headroom = 0.01 * *rc::gen::inRange(0, 30);
  for (const RankedPlan& ranked : search_of(given, {.headroom = headroom}).best) {
    RC_ASSERT(is_valid(given, ranked.plan));
    RC_ASSERT(ranked.estimate.memory.total() <= (1 - headroom) * ranked.estimate.memory.capacity);
  }
}

RC_GTEST_PROP(Search, IsNotWorseWithMoreMemoryOrFasterLinks, ()) {  // I-45
  const Scenario given = some_small_scenario();
  const Seconds now = best_of(given);
  Scenario roomy = given, connected = given;
  roomy.cluster.nodes[0].node.device.memory.capacity *= 1.5;
  connected.cluster.nodes[0].node.fabric.link.bandwidth *= 2;
  RC_ASSERT(best_of(roomy) <= now);
  RC_ASSERT(best_of(connected) <= now * (1 + 1e-12));
}

RC_GTEST_PROP(Search, AnswersTheSameTwice, ()) {  // I-47
  const Scenario given = some_small_scenario();
  const SearchResult once = search_of(given, {.threads = 1}), again = search_of(given);
  RC_ASSERT(once.best.size() == again.best.size());
  for (std::size_t i = 0; i < once.best.size(); ++i) {
    RC_ASSERT(once.best[i].plan == again.best[i].plan);
    RC_ASSERT(once.best[i].estimate.step == again.best[i].estimate.step);
  }
  RC_ASSERT(once.nearest.has_value() == again.nearest.has_value());
  if (once.nearest) RC_ASSERT(once.nearest->plan == again.nearest->plan);
}

RC_GTEST_PROP(Search, BeatsTheRuleAndAnyPlan, ()) {  // I-48
  const auto [given, plan] = test::some_plan();
  const Estimate e = estimate(test::priced(given), plan);
  RC_PRE(e.memory.fits() && plan.overlap == OverlapChoice{} && plan.schedule != ScheduleKind::gpipe);
  const SearchResult result = search_of(given);
  RC_ASSERT(!result.best.empty());
  RC_ASSERT(result.best.front().estimate.step.median <= e.step.median);
  if (result.rule_of_thumb)
    RC_ASSERT(result.best.front().estimate.step.median <= result.rule_of_thumb->estimate.step.median);
}

}  // namespace
}  // namespace forerun
