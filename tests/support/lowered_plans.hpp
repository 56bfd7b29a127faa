// Random plans with all options, also those that the search or the stack of the scenario does not try.
#pragma once

#include <algorithm>

#include "tests/support/random_plans.hpp"
#include "workloads/jobs/job_fields.hpp"

namespace forerun::test {

// Takes the change where it makes a valid plan.
template <class Change>
void change(const Scenario& given, Plan& plan, Change apply) {
  Plan other = plan;
  apply(other);
  if (is_valid(given, other)) plan = other;
}

inline void change_pipeline(const Scenario& given, Plan& plan) {
  if (plan.pp == 1) return;
  change(given, plan, [](Plan& p) {
    p.schedule = *rc::gen::element(ScheduleKind::gpipe, ScheduleKind::one_f_one_b, ScheduleKind::interleaved,
                                   ScheduleKind::zb_h1, ScheduleKind::zb_h2, ScheduleKind::zb_v, ScheduleKind::dualpipe,
                                   ScheduleKind::zb_auto);
    if (p.schedule != ScheduleKind::interleaved) p.virtual_stages = p.schedule == ScheduleKind::zb_v ? 2 : 1;
    if (p.schedule == ScheduleKind::zb_auto) p.activation_limit = *rc::gen::element(1.0, 1.5, 2.0);
  });
}

inline void change_sharding(const Scenario& given, Plan& plan) {
  const int replicas = plan.dp * plan.cp;
  if (replicas == 1) return;
  change(given, plan, [](Plan& p) { p.zero = *rc::gen::inRange(0, 4); });
  if (*rc::gen::arbitrary<bool>())
    change(given, plan, [&](Plan& p) { p.sharding_group = *rc::gen::elementOf(divisors(replicas)); });
}

inline void change_experts(Scenario& given, Plan& plan) {
  if (!is_mixture(given.model)) return;
  change(given, plan, [](Plan& p) { p.etp = *rc::gen::element(1, 1, 2, 4); });
  if (plan.ep > 1 && *rc::gen::arbitrary<bool>())
    given.job.expert_skew = 1 + *rc::gen::inRange(1, 5) * 0.25 * (plan.ep - 1);  // all rows on one rank at most
}

// A kind of tuning that the model and the plan can do; half of the jobs train everything.
inline void change_tuning(Scenario& given, const Plan& plan) {
  using enum LowRankTarget;
  Scenario other = given;
  Tuning& tuning = other.job.tuning;
  tuning.kind = *rc::gen::element(TuningKind::full, TuningKind::full, TuningKind::full, TuningKind::frozen,
                                  TuningKind::adapter, TuningKind::lora, TuningKind::lora, TuningKind::qlora);
  if (tuning.kind == TuningKind::full) return;
  if (is_low_rank(tuning)) {
    tuning.rank = *rc::gen::element(8, 16, 64);
    static const std::vector<std::vector<LowRankTarget>> targets{{linear_qkv},
                                                                 {linear_qkv, linear_proj},
                                                                 {q_proj, v_proj},
                                                                 {q_proj, k_proj, v_proj, o_proj, up_proj, down_proj},
                                                                 {linear_qkv, linear_proj, linear_fc1, linear_fc2},
                                                                 {linear_fc2}};
    tuning.target = *rc::gen::elementOf(targets);
  }
  if (tuning.kind == TuningKind::adapter) tuning.width = *rc::gen::element(16, 64);
  if (tuning.kind == TuningKind::frozen) {
    tuning.trainable_blocks = *rc::gen::inRange(0, static_cast<int>(given.model.blocks.size()) + 1);
    tuning.train_head = !given.model.tied_embeddings && *rc::gen::arbitrary<bool>();
  }
  other.job.kind = JobKind::finetune;
  if (tuning.kind == TuningKind::qlora && other.job.dtype == DType::fp8) other.job.dtype = DType::bf16;
  if (check(tuning, other.model).empty() && is_valid(other, plan)) given = other;
}

enum class Pipelines : std::uint8_t { none, any };

inline Drawn some_lowered_plan(const std::vector<int>& sizes = {1, 2, 4, 8, 16, 32, 64},
                               Pipelines pipelines = Pipelines::any) {
  Scenario given = some_scenario(sizes);
  std::vector<Plan> plans = all_plans(given);
  if (pipelines == Pipelines::none) std::erase_if(plans, [](const Plan& plan) { return plan.pp > 1; });
  RC_PRE(!plans.empty());
  Plan plan = *rc::gen::elementOf(plans);
  change_pipeline(given, plan);
  if (plan.cp > 1)
    change(given, plan,
           [](Plan& p) { p.cp_kind = *rc::gen::element(CpKind::ring, CpKind::all_gather, CpKind::ulysses); });
  change_sharding(given, plan);
  plan.offload = {.optimizer = *rc::gen::inRange(0, 4) == 1, .activations = *rc::gen::inRange(0, 4) == 1};
  change_experts(given, plan);
  change_tuning(given, plan);
  if (*rc::gen::arbitrary<bool>()) plan.overlap = {.tp = false, .cp = false, .ep = false, .dp = false, .pp = false};
  RC_LOG() << given.model.name << " of " << given.model.blocks.size() << " x " << given.model.hidden << " on "
           << given.gpus << " of " << given.cluster.name << " with " << given.stack.name << ", batch "
           << given.job.global_batch << " x " << given.job.sequence << ", skew " << given.job.expert_skew << ", "
           << fields::flow_yaml(job_fields().write(given.job)) << ": " << summary(plan) << ", sharding group "
           << plan.sharding_group << (plan.overlap.tp ? ", no overlap" : "") << '\n';
  return {given, plan};
}

}  // namespace forerun::test
