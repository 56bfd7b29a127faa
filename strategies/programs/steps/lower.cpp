#include "strategies/programs/steps/lower.hpp"

#include "strategies/plan/chunks.hpp"
#include "strategies/plan/scenario.hpp"
#include "strategies/plan/shard.hpp"
#include "strategies/programs/steps/lower_stage.hpp"
#include "strategies/plan/rank_grid.hpp"

namespace forerun {
namespace {

// Experts of one rank of each group draw more than their share, the others what is left.
double load_of(const Job& job, const Plan& plan, int rank_in_group) {
  if (plan.ep == 1) return 1;
  return rank_in_group == 0 ? job.expert_skew : (plan.ep - job.expert_skew) / (plan.ep - 1);
}

}  // namespace

Program lower(const PricedScenario& scenario, const Plan& plan, const ScheduleTable& table,
              const LowerOptions& options) {
  const Scenario& given = scenario.given;
  const BlockKinds kinds = block_kinds(given.model);
  const Split split = split_of(plan);
  Program program;
  program.plan = plan;
  program.micro_batches = table.micro_batches;

  const bool skewed = plan.ep > 1 && given.job.expert_skew > 1;
  for (int variant = 0; variant <= (skewed ? 1 : 0); ++variant) {
    const SplitPrograms blocks = lower_split(given, kinds, split, skewed ? load_of(given.job, plan, variant) : 1);
    for (int stage = 0; stage < plan.pp; ++stage)
      program.stages.push_back(lower_stage(scenario, kinds, blocks, table, plan, stage));
  }
  std::vector<std::uint32_t> program_of_rank(static_cast<std::size_t>(gpus(plan)));
  const RankGrid grid(plan);
  for (std::size_t r = 0; r < program_of_rank.size(); ++r) {
    const RankCoordinates at = grid.at(static_cast<int>(r));
    program_of_rank[r] = static_cast<std::uint32_t>(at.pp + (skewed && at.ep > 0 ? plan.pp : 0));
  }
  find_roles(scenario.topology, program_of_rank, options, program);
  return program;
}

}  // namespace forerun
