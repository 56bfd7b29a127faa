// Memory of the closed form.
#include <algorithm>

#include "strategies/chunks.hpp"
#include "strategies/closed_form.hpp"
#include "strategies/held_memory.hpp"
#include "strategies/stage_program.hpp"

namespace forerun {

Bytes StageMemory::allocated() const {
  return parameters + gradients + optimizer + activations + gathered + transient + communication + workspace;
}

bool splits_backward(const Plan& plan) { return plan.pp > 1 && plan.schedule > ScheduleKind::interleaved; }

namespace {

std::int64_t micro_batches_of(const Scenario& given, const Plan& plan) { return given.job.global_batch / (std::int64_t{plan.dp} * plan.micro_batch); }

void add(StageMemory& memory, const StagePeak& peak) {
  if (peak.pass == nullptr) return;
  const auto& at = peak.pass->at_peak;
  memory.activations += peak.start + at[static_cast<std::size_t>(MemoryKind::activations)];
  memory.gathered += at[static_cast<std::size_t>(MemoryKind::gathered)];
  memory.transient += at[static_cast<std::size_t>(MemoryKind::transient)];
  memory.communication += at[static_cast<std::size_t>(MemoryKind::communication)];
}

}  // namespace

void finish(const PricedScenario& scenario, const Plan& plan, MemoryUse& use) {
  const Stack& stack = scenario.given.stack;
  use.peak_stage = 0;
  for (std::size_t stage = 0; stage < use.stages.size(); ++stage) {
    if (use.stages[stage].allocated() > use.peak().allocated()) use.peak_stage = static_cast<int>(stage);
  }
  const int communicators = (plan.tp > 1) + (plan.cp > 1) + (plan.ep > 1 || plan.etp > 1) + (plan.dp > 1) + (plan.pp > 1);
  use.reserve = stack.allocator_reserve * use.peak().allocated();
  use.context = stack.context + static_cast<double>(communicators) * stack.communicator;
  use.capacity = scenario.device().memory.capacity;
}

void ClosedForm::memory(const SplitPrices& prices, const Plan& plan, MemoryUse& use) {
  const Scenario& given = context_.scenario.given;
  const std::int64_t m = micro_batches_of(given, plan);
  const Bytes element = size_of(activation_dtype(given.job));
  ShardedUnits sharded;
  if (plan.zero == 3) sharded.gathered = element;
  if (plan.zero >= 2) sharded.gradients = plan.zero == 3 ? element : context_.state.gradient;
  sharded.ahead = data_parallel_overlap(given.stack, plan) > 0;
  sharded.offloaded = plan.offload.activations;

  layout_.assign(context_.kinds, plan);
  const int chunks = chunk_count(plan);
  chunks_.resize(static_cast<std::size_t>(chunks));
  const bool splits = splits_backward(plan);
  for (int c = 0; c < chunks; ++c) chunk_memory(prices, layout_, plan, c, sharded, splits, chunks_[static_cast<std::size_t>(c)]);
  if (splits) pass_times(prices, plan);  // the automatic schedule looks at them
  const ScheduleTable* order = splits ? &pipeline_.table(plan, times_, m) : nullptr;

  use.stages.resize(static_cast<std::size_t>(plan.pp));
  own_.resize(static_cast<std::size_t>(chunks_per_stage(plan)));
  for (int stage = 0; stage < plan.pp; ++stage) {
    std::int64_t dense = stage == plan.pp - 1 ? second_table(given.model, plan) : 0, expert = 0;
    for (int local = 0; local < std::ssize(own_); ++local) {
      const int chunk = chunk_on(plan, stage, local);
      own_[static_cast<std::size_t>(local)] = chunks_[static_cast<std::size_t>(chunk)];
      layout_.each(prices, chunk, [&](const BlockPrice& price, int n) { dense += n * price.parameters, expert += n * price.expert_parameters; });
    }
    const HeldMemory held = held_memory(given, plan, dense, expert, prices.boundary);
    StageMemory& memory = use.stages[static_cast<std::size_t>(stage)];
    memory = {};
    memory.parameters = held.parameters, memory.gradients = held.gradients, memory.optimizer = held.optimizer;
    memory.communication = held.communication, memory.workspace = held.workspace;
    if (order != nullptr) {
      add(memory, peak_of_table(own_, *order, stage));
    } else if (plan.pp > 1 && plan.virtual_stages > 1) {
      add(memory, peak_of_interleaved(own_, plan.pp, stage, m));
    } else {
      add(memory, peak_of_waves(own_.front(), plan.pp == 1 ? 1 : plan.schedule == ScheduleKind::gpipe ? m : std::min<std::int64_t>(plan.pp - stage, m)));
    }
  }
  finish(context_.scenario, plan, use);
}

}  // namespace forerun
