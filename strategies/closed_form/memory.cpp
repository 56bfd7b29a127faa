// Memory of the closed form.
#include <algorithm>

#include "strategies/closed_form/plan_pricer.hpp"
#include "strategies/closed_form/replica_prices.hpp"
#include "strategies/programs/held_memory.hpp"
#include "strategies/programs/steps/stage_program.hpp"

namespace forerun {

namespace {

void add(StageMemory& memory, const StagePeak& peak) {
  if (peak.pass == nullptr) return;
  const auto& at = peak.pass->at_peak;
  memory.activations += peak.start - peak.start_transient, memory.transient += peak.start_transient;
  for (const MemoryCategory& category : memory_categories) {
    if (category.kind) memory.*category.bytes += at[static_cast<std::size_t>(*category.kind)];
  }
}

}  // namespace

void PlanPricer::memory(const SplitPrices& prices, const Plan& plan, MemoryUse& use) {
  const Scenario& given = context_.scenario.given;
  const std::int64_t m = micro_batches_of(given.job, plan);
  const Bytes element = size_of(activation_dtype(given.job));
  ShardedUnits sharded{.plan = plan, .overlap = data_parallel_overlap(given.stack, plan)};
  if (plan.zero == 3) sharded.gathered = element;
  if (plan.zero >= 2) sharded.gradients = sharded_gradient(context_.state, plan);

  lay_out(prices, plan);
  const StageLayout& layout = *layout_;
  const bool splits = splits_backward(plan);
  chunk_memories_.resize(layout.chunk_kinds().size());
  for (std::size_t k = 0; k < chunk_memories_.size(); ++k)
    chunk_memory(prices, layout.chunk_kinds()[k], sharded, splits, units_, chunk_memories_[k]);
  const ScheduleTable* order = nullptr;
  if (splits) {
    ReplicaPrices replicas(context_, exchanges_, plan);
    pass_times(prices, plan, replicas);  // the automatic schedule looks at them
    order = &pipeline_.table(plan, times_, m);
  }

  use.stages.resize(static_cast<std::size_t>(plan.pp));
  held_.resize(layout.stage_kinds().size());
  for (std::size_t k = 0; k < held_.size(); ++k) {
    held_[k] = held_memory(given, context_.state, plan, stage_sums_[k].weights, prices.boundary);
  }
  for (int stage = 0; stage < plan.pp; ++stage) {
    const OwnChunks own{chunk_memories_, layout.kinds_on(stage)};
    StageMemory& memory = use.stages[static_cast<std::size_t>(stage)];
    memory = held_[layout.kind_of_stage(stage)];
    if (order != nullptr) {
      add(memory, peak_of_table(own, *order, stage));
    } else if (plan.pp > 1 && plan.virtual_stages > 1) {
      add(memory, peak_of_interleaved(own, plan.pp, stage, m));
    } else {
      add(memory, peak_of_waves(own[0], plan.pp == 1 ? 1
                                        : traits(plan.schedule).formula == PipelineFormula::forwards_first
                                            ? m
                                            : std::min<std::int64_t>(plan.pp - stage, m)));
    }
  }
  finish(context_.scenario, plan, use);
}

}  // namespace forerun
