#include "strategies/plan/stack_facts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "strategies/plan/shard.hpp"

namespace forerun {
namespace {

// set(values)(RuleName::tp, 8)
auto set(RuleValues& values) {
  return [&values](RuleName name, auto value) {
    values[static_cast<std::size_t>(name)] = static_cast<std::int64_t>(value);
  };
}

void fill_job_values(const Scenario& s, RuleValues& values) {
  const auto fill = set(values);
  fill(RuleName::gpus, s.gpus);
  fill(RuleName::node, node_of(s.cluster).devices);
  fill(RuleName::sequence, s.job.sequence);
  fill(RuleName::global_batch, s.job.global_batch);
  fill(RuleName::dtype, s.job.dtype);
  fill(RuleName::low_rank, is_low_rank(s.job.tuning));
  fill(RuleName::layers, s.model.blocks.size());
  fill(RuleName::vocab, s.model.vocab);
  fill(RuleName::tied, s.model.tied_embeddings);
}

void fill_block_values(const Block& block, RuleValues& values) {
  const auto fill = set(values);
  fill(RuleName::hidden, block.hidden);
  if (const Attention* a = block.attention()) {
    fill(RuleName::heads, a->heads);
    fill(RuleName::kv_heads, a->latent ? a->heads : a->kv_heads);
    fill(RuleName::latent, a->latent.has_value());
    fill(RuleName::window, a->window.value_or(0));
  }
  if (const Mlp* mlp = std::get_if<Mlp>(&block.feed_forward)) fill(RuleName::width, mlp->width);
  if (const Moe* moe = std::get_if<Moe>(&block.feed_forward)) {
    fill(RuleName::width, moe->width);
    fill(RuleName::experts, moe->experts);
  }
}

// "kv_heads 2, tp 4"
std::string values_text(const Expression& rule, const RuleValues& values) {
  std::vector<std::string> parts;
  for (const std::size_t place : rule.used()) {
    const ExpressionName& name = rule_names()[place];
    const std::int64_t value = values[place];
    parts.push_back(name.words.empty() ? fmt::format("{} {}", name.name, value)
                                       : fmt::format("{} {}", name.name, name.words[static_cast<std::size_t>(value)]));
  }
  return join(parts, ", ");
}

}  // namespace

void fill_plan_values(const Scenario& s, const Plan& p, RuleValues& values) {
  const auto fill = set(values);
  fill(RuleName::tp, p.tp);
  fill(RuleName::sp, p.sp);
  fill(RuleName::cp, p.cp);
  fill(RuleName::cp_kind, p.cp_kind);
  fill(RuleName::pp, p.pp);
  fill(RuleName::virtual_stages, p.virtual_stages);
  fill(RuleName::schedule, p.schedule);
  fill(RuleName::stages, p.cut);
  fill(RuleName::ep, p.ep);
  fill(RuleName::etp, p.etp);
  fill(RuleName::dp, p.dp);
  fill(RuleName::zero, p.zero);
  fill(RuleName::zero_exchange, p.zero_exchange);
  fill(RuleName::sharding_group, p.sharding_group);
  fill(RuleName::micro_batch, p.micro_batch);
  fill(RuleName::recompute, p.recompute);
  fill(RuleName::offload_optimizer, p.offload.optimizer);
  fill(RuleName::offload_activations, p.offload.activations);
  fill(RuleName::micro_batches, micro_batches_of(s.job, p));
}

StackFacts::StackFacts(const Scenario& scenario, std::span<const Expression> conditions)
    : scenario_(scenario), conditions_(conditions) {
  if (scenario.stack.rules.empty() && conditions.empty()) return;
  for (const Block& block : scenario.model.blocks) {
    RuleValues values{};
    fill_job_values(scenario, values);
    fill_block_values(block, values);
    if (std::ranges::find(blocks_, values) == blocks_.end()) blocks_.push_back(values);
  }
}

bool StackFacts::allow(const Plan& plan) const {
  for (RuleValues values : blocks_) {
    fill_plan_values(scenario_, plan, values);
    if (!std::ranges::all_of(scenario_.stack.rules, [&](const StackRule& rule) { return rule.must.holds(values); }))
      return false;
    if (!std::ranges::all_of(conditions_, [&](const Expression& condition) { return condition.holds(values); }))
      return false;
  }
  return true;
}

Problems StackFacts::refusals(const Plan& plan) const {
  Problems problems;
  for (const StackRule& rule : scenario_.stack.rules) {
    for (RuleValues values : blocks_) {
      fill_plan_values(scenario_, plan, values);
      if (rule.must.holds(values)) continue;
      problems.push_back({{},
                          fmt::format("{} requires {}, but here {}: {}", scenario_.stack.name, rule.must.text(),
                                      values_text(rule.must, values), rule.says),
                          fmt::format("change one of these, or name another stack; source: {}", rule.source)});
      break;
    }
  }
  return problems;
}

}  // namespace forerun
