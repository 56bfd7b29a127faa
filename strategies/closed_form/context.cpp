#include "strategies/closed_form/context.hpp"

#include "costmodel/collective_model.hpp"
#include "costmodel/kernel_model.hpp"
#include "sim/tick.hpp"
#include "strategies/plan/shard.hpp"
#include "workloads/operators/operators.hpp"

namespace forerun {
namespace {

// Of all blocks and the head for one sequence: forward and both gradients; what a job does not train has no W.
// Attention is two products forward and four back (a fused backward does a fifth again), over the full square of
// positions, or masked over the share of them that mask and window leave.
Flops flops_of_sequence(const Scenario& given, bool masked) {
  Implementation how;
  how.tuning = given.job.tuning;
  how.attention = AttentionImplementation::unfused;
  Model model = given.model;
  const Split whole;
  Flops sum{0};
  const BlockKinds kinds = block_kinds(model);
  const auto all = [&](const std::vector<Operator>& list) {
    Flops of_list{0};
    for (const Operator& op : list)
      of_list += (masked && op.core ? op.core->visible : 1) * (forward_flops({op}) + backward_flops({op}));
    return of_list;
  };
  for (std::size_t k = 0; k < kinds.distinct.size(); ++k) {
    const Block& block = kinds.distinct[k];
    sum += all(block_operators(model, block, local_tokens(given.job, whole, block), how)) * kinds.before[k].back();
  }
  return sum + all(head_operators(model, model.vocab, local_tokens(given.job, whole, model.blocks.front()), how));
}

Seconds whole_ticks(Seconds time) { return to_seconds(to_ticks(time)); }

}  // namespace

ClosedFormContext::ClosedFormContext(PricedScenario priced)
    : scenario(std::move(priced)),
      kinds(block_kinds(scenario.given.model)),
      state(state_bytes(scenario.given.stack.precision, scenario.given.job)),
      has_experts(is_mixture(scenario.given.model)),
      model_flops(flops_of_sequence(scenario.given, true) * static_cast<double>(scenario.given.job.global_batch)),
      full_square_flops(flops_of_sequence(scenario.given, false) *
                        static_cast<double>(scenario.given.job.global_batch)),
      peak_rate(static_cast<double>(scenario.given.gpus) * peak(scenario.device(), scenario.given.job.dtype)),
      floor(whole_ticks(scenario.given.stack.host_per_step)) {}

void ClosedFormContext::exchange(const Stack& stack, std::shared_ptr<const KernelModel> kernels,
                                 std::shared_ptr<const CollectiveModel> collectives) {
  scenario.given.stack = stack;
  scenario.kernels = std::move(kernels);
  scenario.collectives = std::move(collectives);
  floor = whole_ticks(stack.host_per_step);
}

}  // namespace forerun
