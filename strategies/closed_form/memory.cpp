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

// Offloaded activations of each kind of chunk in the memory of the host: there from forward to backward.
std::vector<ChunkMemory> PlanPricer::copies_on_host(const SplitPrices& prices) const {
  std::vector<ChunkMemory> copies;
  for (const StageLayout::ChunkKind& kind : layout_->chunk_kinds()) {
    Bytes saved{0};
    each_run(kind.runs, prices, [&](const BlockPrice& price, int n) { saved += static_cast<double>(n) * price.saved; });
    const PassMemory comes{.peak = saved, .left = saved}, goes{.peak = {}, .left = -1.0 * saved};
    copies.push_back({.forward = comes, .backward = goes, .input_gradient = goes, .weight_gradient = {}});
  }
  return copies;
}

void PlanPricer::memory(const SplitPrices& prices, const Plan& plan, MemoryUse& use) {
  const Scenario& given = context_.scenario.given;
  const std::int64_t m = micro_batches_of(given.job, plan);
  const Bytes element = size_of(activation_dtype(given.job));
  ShardedUnits sharded{.plan = plan, .overlap = data_parallel_overlap(given.stack, plan)};
  if (zero_in_step(plan) == 3) sharded.gathered = element;
  if (zero_in_step(plan) >= 2) sharded.gradients = sharded_gradient(context_.state, plan);

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
  const auto peak_of = [&](const std::vector<ChunkMemory>& of_kind, int stage) {
    const OwnChunks own{of_kind, layout.kinds_on(stage)};
    if (order != nullptr) return peak_of_table(own, *order, stage);
    if (plan.pp > 1 && plan.virtual_stages > 1) return peak_of_interleaved(own, plan.pp, stage, m);
    const bool first_all = traits(plan.schedule).formula == PipelineFormula::forwards_first;
    return peak_of_waves(own[0], plan.pp == 1 ? 1 : first_all ? m : std::min<std::int64_t>(plan.pp - stage, m));
  };
  std::vector<ChunkMemory> copied;
  if (plan.offload.activations) copied = copies_on_host(prices);
  use.on_host.assign(static_cast<std::size_t>(plan.pp), Bytes{0});
  for (int stage = 0; stage < plan.pp; ++stage) {
    const auto s = static_cast<std::size_t>(stage);
    const std::size_t kind = layout.kind_of_stage(stage);
    use.stages[s] = held_[kind];
    add(use.stages[s], peak_of(chunk_memories_, stage));
    use.on_host[s] = held_on_host(given, context_.state, plan, stage_sums_[kind].weights);
    if (!copied.empty()) use.on_host[s] += peak_of(copied, stage).total;
  }
  finish(context_.scenario, plan, use);
}

}  // namespace forerun
