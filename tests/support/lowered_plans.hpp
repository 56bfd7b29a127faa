// Random plans with the options that the search does not try: Ulysses, expert tensor parallelism, HSDP, offload, ZeRO with a pipeline, skewed experts.
#pragma once

#include <algorithm>

#include "tests/support/random_plans.hpp"

namespace forerun::test {

// Heads over the tensor-parallel ranks and then over the context-parallel ones.
inline bool suits_ulysses(const Model& model, const Plan& plan) {
  return std::all_of(model.blocks.begin(), model.blocks.end(), [&](const Block& block) {
    const int heads = block.attention.heads, keys = std::max(1, block.attention.kv_heads / plan.tp);
    return !block.attention.latent && heads % (plan.tp * plan.cp) == 0 && (keys % plan.cp == 0 || plan.cp % keys == 0);
  });
}

inline bool suits_etp(const Model& model, const Plan& plan, int etp) {
  return std::all_of(model.blocks.begin(), model.blocks.end(), [&](const Block& block) {
    const Moe* moe = std::get_if<Moe>(&block.feed_forward);
    return moe == nullptr || (moe->width % etp == 0 && (plan.tp * plan.cp * plan.dp) % (plan.ep * etp) == 0);
  });
}

inline void add_sharding(Plan& plan, const Stack& stack) {
  const int replicas = plan.dp * plan.cp;
  if (replicas == 1) return;
  Plan other = plan;
  other.zero = *rc::gen::inRange(0, 4);
  if (supports(stack, other)) plan = other;
  if (plan.zero > 0 && *rc::gen::arbitrary<bool>()) plan.sharding_group = *rc::gen::elementOf(divisors(replicas));
}

inline void add_offload(Plan& plan) {
  plan.offload.optimizer = *rc::gen::inRange(0, 4) == 0;
  plan.offload.activations = *rc::gen::inRange(0, 4) == 0;
}

inline void add_experts(Scenario& given, Plan& plan) {
  if (!is_mixture(given.model)) return;
  const int etp = *rc::gen::element(1, 1, 2, 4);
  if (suits_etp(given.model, plan, etp)) plan.etp = etp;
  if (plan.ep > 1 && *rc::gen::arbitrary<bool>()) given.job.expert_skew = 1 + *rc::gen::inRange(1, 5) * 0.25 * (plan.ep - 1);  // all rows on one rank at most
}

enum class Pipelines : std::uint8_t { none, any };

inline Drawn some_lowered_plan(const std::vector<int>& sizes = {1, 2, 4, 8, 16, 32, 64}, Pipelines pipelines = Pipelines::any) {
  Scenario given = some_scenario(sizes);
  std::vector<Plan> plans = all_plans(given);
  if (pipelines == Pipelines::none) std::erase_if(plans, [](const Plan& plan) { return plan.pp > 1; });
  RC_PRE(!plans.empty());
  Plan plan = *rc::gen::elementOf(plans);
  if (plan.pp > 1 && plan.virtual_stages == 1 && *rc::gen::arbitrary<bool>()) plan.schedule = ScheduleKind::gpipe;
  if (plan.cp > 1 && suits_ulysses(given.model, plan) && *rc::gen::arbitrary<bool>()) plan.cp_kind = CpKind::ulysses;
  add_sharding(plan, given.stack);
  add_offload(plan);
  add_experts(given, plan);
  if (*rc::gen::arbitrary<bool>()) plan.overlap = {.tp = false, .cp = false, .ep = false, .dp = false, .pp = false};
  RC_LOG() << given.model.name << " of " << given.model.blocks.size() << " x " << given.model.hidden << " on " << given.gpus << " of " << given.cluster.name
           << " with " << given.stack.name << ", batch " << given.job.global_batch << " x " << given.job.sequence << ", skew " << given.job.expert_skew << ": "
           << summary(plan) << ", sharding group " << plan.sharding_group << (plan.overlap.tp ? ", no overlap" : "") << '\n';
  return {given, plan};
}

}  // namespace forerun::test
