#include "strategies/search/simulated_ranking.hpp"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>

#include "strategies/plan_runs.hpp"
#include "strategies/simulation/simulation.hpp"

namespace forerun {
namespace {

std::size_t instructions_run(const StageProgram& stage) {
  std::size_t count = 0;
  for (const Call& call : stage.calls) {
    const auto& all = stage.bodies[call.body].instructions;
    count += static_cast<std::size_t>(std::ranges::count(all, Code::run, &Instruction::code));
  }
  return count;
}

std::optional<Seconds> simulated_step(const PricedScenario& scenario, const Plan& plan, const RankingOptions& options) {
  if (instructions_run(lower(scenario, plan)) > options.most_instructions) return std::nullopt;
  return simulate(scenario, plan).step;
}

}  // namespace

std::size_t instructions_run(const Program& program) {
  std::vector<std::size_t> of_stage;
  for (const StageProgram& stage : program.stages) of_stage.push_back(instructions_run(stage));
  std::size_t count = 0;
  for (const Role& role : program.roles) count += of_stage[role.program];
  return count;
}

std::vector<SimulatedPlan> simulate_ranking(const PricedScenario& scenario, std::vector<RankedPlan> plans,
                                            const RankingOptions& options) {
  std::vector<SimulatedPlan> all(plans.size());
  for (std::size_t i = 0; i < plans.size(); ++i) all[i] = {std::move(plans[i]), std::nullopt, i};
  const std::size_t simulated = std::min(all.size(), options.most_plans);
  std::atomic<std::size_t> done{0};
  tbb::task_arena arena(options.threads > 0 ? options.threads : tbb::task_arena::automatic);
  arena.execute([&] {
    tbb::parallel_for(std::size_t{0}, simulated, [&](std::size_t i) {
      all[i].step = simulated_step(scenario, all[i].ranked.plan, options);
      options.progress(static_cast<double>(++done) / static_cast<double>(simulated));
    });
  });
  std::ranges::sort(all, {}, [](const SimulatedPlan& plan) { return std::pair(plan.best_known(), plan.rank); });
  return all;
}

}  // namespace forerun
