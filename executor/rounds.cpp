#include "executor/rounds.hpp"

#include <algorithm>

#include "base/quantile.hpp"
#include "strategies/plan_runs.hpp"

namespace forerun {

Seconds warm_step(const Execution& run) { return Seconds{quantile(warm_steps(run), 0.5)}; }

Result<std::vector<Rounds>> execute_in_turn(std::span<const Planned> plans, const RunOptions& options, int rounds,
                                            const std::function<void(double)>& progress) {
  std::vector<Rounds> all(plans.size());
  std::vector<std::vector<double>> others(plans.size());
  const auto runs = static_cast<double>(rounds) * static_cast<double>(plans.size());
  double done = 0;
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < plans.size(); ++i) {
      Result<Execution> run = execute(*plans[i].scenario, *plans[i].program, options);
      if (!run) return fail(run.error());
      all[i].runs.push_back(warm_step(*run));
      others[i].push_back(run->others.value_or(0));
      all[i].last = std::move(*run);
      if (progress) progress(++done / runs);
    }
  }
  for (std::size_t i = 0; i < plans.size(); ++i) all[i].last.others = quantile(others[i], 0.5);
  return all;
}

Result<std::vector<double>> References::losses(const PricedScenario& scenario, const Plan& plan,
                                               const std::function<void(double)>& progress) {
  Scenario given = scenario.given;
  given.gpus = 1;
  const Plan one = one_rank(plan);
  const auto found = std::ranges::find_if(known_, [&](const Known& k) {
    return k.given.model == given.model && k.given.job == given.job && k.given.stack == given.stack && k.plan == one;
  });
  if (found != known_.end()) return found->losses;
  const Result<PricedScenario> priced = price(given);
  if (!priced) return fail(priced.error());
  const Result<Execution> run = execute(*priced, lower(*priced, one), options_, [&](int step, double) {
    if (progress) progress(static_cast<double>(step + 1) / options_.steps);
  });
  if (!run) return fail(run.error());
  known_.push_back({std::move(given), one, run->losses});
  return run->losses;
}

}  // namespace forerun
