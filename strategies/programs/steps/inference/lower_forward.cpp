#include "strategies/programs/steps/inference/lower_forward.hpp"

#include "strategies/programs/steps/inference/forward_stage.hpp"
#include "strategies/schedules/schedules.hpp"

namespace forerun {

Program lower_forward(const PricedScenario& scenario, const Plan& plan, const ForwardBatch& batch,
                      const LowerOptions& options) {
  const Scenario given = without_dropout(scenario.given);
  const BlockKinds kinds = block_kinds(given.model);
  const BatchShapes shapes = shapes_of(batch);
  const ScheduleTable table = forward_schedule(plan.pp, plan.virtual_stages, static_cast<int>(batch.size()));
  Program program;
  program.step = StepKind::forward;
  program.plan = plan;
  program.batch = batch;
  program.micro_batches = table.micro_batches;
  lower_ranks(scenario, options, program, [&](double load) {
    std::vector<SplitPrograms> programs;
    for (const MicroBatch& shape : shapes.distinct)
      programs.push_back(lower_forward_split(given, kinds, split_of(plan), shape, load));
    const ForwardPlan all{given, plan, kinds, shapes, programs, table};
    for (int stage = 0; stage < plan.pp; ++stage) program.stages.push_back(ForwardStage(all, stage).lower());
  });
  return program;
}

}  // namespace forerun
