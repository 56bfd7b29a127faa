#include "strategies/programs/held_memory.hpp"

#include "base/shard_sizes.hpp"
#include "strategies/plan/chunks.hpp"
#include "strategies/plan/rank_grid.hpp"
#include "strategies/plan/shard.hpp"

namespace forerun {

std::int64_t updated_parameters(const Plan& plan, std::int64_t dense, std::int64_t expert) {
  if (plan.zero == 0) return dense + expert;
  const RankGrid grid(plan);
  const std::int64_t of_dense = shard_sizes(dense, grid.size(GroupKind::shard)).largest;
  return expert == 0 ? of_dense : of_dense + shard_sizes(expert, grid.size(GroupKind::expert_shard)).largest;
}

Bytes sharded_gradient(const StateBytes& state, const Plan& plan) {
  return zero_in_step(plan) == 3 ? state.unit_gradient : state.gradient;
}

std::int64_t second_table(const Model& model, const Plan& plan) {
  return model.tied_embeddings && !ends_meet(plan) ? table_parameters(model, plan.tp) : 0;
}

std::int64_t trained_second_table(const Scenario& given, const Plan& plan) {
  return has_frozen_base(given.job.tuning) ? 0 : second_table(given.model, plan);
}

std::int64_t exchanged_by_ends(const Scenario& given, const Plan& plan) {
  const std::int64_t whole = trained_second_table(given, plan);
  return zero_in_step(plan) >= 2 ? shard_sizes(whole, RankGrid(plan).size(GroupKind::shard)).largest : whole;
}

bool table_apart(const Plan& plan) {
  const int zero = zero_in_step(plan);
  return zero >= 2 || (zero == 1 && !ends_meet(plan));
}

namespace {

// Nothing updates a frozen weight, so an fp8 job keeps it in fp8 alone where it keeps such copies (70 B on four L40S of
// 48 GB leave no room for both).
Bytes frozen_memory(const Scenario& given, const Plan& plan, const StageWeights& weights, Bytes fp8_copies) {
  const std::int64_t whole = weights.frozen + weights.frozen_experts;
  const Bytes own = size_of(activation_dtype(given.job));
  if (zero_in_step(plan) == 3)
    return static_cast<double>(updated_parameters(plan, weights.frozen, weights.frozen_experts)) * own;
  return static_cast<double>(whole) * (fp8_copies > Bytes{0} ? fp8_copies : own);
}

// Gradients then live from a block's backward to its update: of one block at a time.
bool updates_in_backward(const Scenario& given, const Plan& plan) {
  return given.stack.update_in_backward && plan.pp == 1 && plan.dp * plan.cp == 1 &&
         given.job.global_batch == plan.micro_batch;
}

// Buffers of messages: one forward, one backward. PyTorch's stages receive each micro-batch of a chunk in a buffer of
// its own, both ways; of those in flight the input is an activation already, in whose place their output is kept.
double pipeline_buffers(const Scenario& given, const Plan& plan) {
  if (!given.stack.buffers_each_micro_batch) return 2;
  return 2 * static_cast<double>(micro_batches_of(given.job, plan)) * chunks_per_stage(plan);
}

}  // namespace

std::int64_t summed_over_tp(const Scenario& given, const Plan& plan, const StageWeights& weights) {
  return given.stack.small_exchanges && plan.tp > 1 && plan.sp ? weights.replicated : 0;
}

StageMemory held_memory(const Scenario& given, const Plan& plan, const StageWeights& weights, Bytes boundary) {
  return held_memory(given, state_bytes(given.stack.precision, given.job), plan, weights, boundary);
}

StageMemory held_memory(const Scenario& given, const StateBytes& state, const Plan& plan, const StageWeights& weights,
                        Bytes boundary) {
  const Bytes fp8_copies = given.job.dtype == DType::fp8 ? given.stack.fp8_weights : Bytes{0};
  // Every rank keeps its share of what ZeRO cuts; routed experts have fewer copies than the rest.
  const auto all = static_cast<double>(weights.dense + weights.expert),
             cut = static_cast<double>(updated_parameters(plan, weights.dense, weights.expert));
  const int in_step = zero_in_step(plan);
  const auto share = [&](int from_zero) { return in_step >= from_zero ? cut : all; };
  StageMemory held;
  // Below ZeRO-3 the copy in the compute format is whole; what is stored wider is sharded with the optimizer from
  // ZeRO-2 on.
  held.parameters = in_step == 3 ? cut * state.parameter
                                 : (plan.zero >= 2 && state.working > Bytes{0} ? cut : all) * state.parameter +
                                       all * (state.working + fp8_copies);
  held.parameters += frozen_memory(given, plan, weights, fp8_copies);
  held.gradients = updates_in_backward(given, plan) ? static_cast<double>(weights.largest) * state.gradient
                                                    : share(2) * state.gradient;
  held.gradients += share(2) * state.gradient_copy;
  held.optimizer = plan.offload.optimizer || given.stack.moments_paged ? Bytes{0} : share(1) * state.optimizer;
  if (plan.pp > 1) held.communication = pipeline_buffers(given, plan) * boundary;
  held.workspace = given.stack.workspace;
  return held;
}

Bytes held_on_host(const Scenario& given, const StateBytes& state, const Plan& plan, const StageWeights& weights) {
  const auto own = static_cast<double>(updated_parameters(plan, weights.dense, weights.expert));
  if (plan.offload.optimizer) return own * (state.optimizer + size_of(DType::fp32));
  return given.stack.moments_paged ? own * state.optimizer : Bytes{0};
}

StageMemory held_forward_memory(const Scenario& given, const Plan& plan, const StageWeights& weights, Bytes boundary) {
  const std::int64_t all = weights.dense + weights.expert + weights.frozen + weights.frozen_experts;
  StageMemory held;
  held.parameters = static_cast<double>(all) * size_of(activation_dtype(given.job));
  if (plan.pp > 1) held.communication = boundary;
  held.workspace = given.stack.workspace;
  return held;
}

}  // namespace forerun
