#include "strategies/programs/steps/training/lower.hpp"

#include "strategies/programs/steps/training/training_stage.hpp"

namespace forerun {

Program lower(const PricedScenario& scenario, const Plan& plan, const ScheduleTable& table,
              const LowerOptions& options) {
  const Scenario& given = scenario.given;
  const BlockKinds kinds = block_kinds(given.model);
  Program program;
  program.plan = plan;
  program.batch.assign(static_cast<std::size_t>(table.micro_batches), micro_batch_of(given.job, split_of(plan)));
  program.micro_batches = table.micro_batches;
  lower_ranks(scenario, options, program, [&](double load) {
    const SplitPrograms programs = lower_split(given, kinds, split_of(plan), load);
    for (int stage = 0; stage < plan.pp; ++stage)
      program.stages.push_back(TrainingStage({given, plan, kinds, programs, table}, stage).lower());
  });
  return program;
}

}  // namespace forerun
