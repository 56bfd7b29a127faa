#include "strategies/search/search_space.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "strategies/plan/check_plan.hpp"
#include "strategies/plan/chunks.hpp"

namespace forerun {
namespace {

constexpr int most_tp = 64, most_cp = 64, most_micro_batch = 64;

// Degrees of expert parallelism that suit every mixture block of the model.
std::vector<int> expert_degrees(const Model& model) {
  int common = 0;
  for (const Block& block : model.blocks) {
    if (const Moe* moe = std::get_if<Moe>(&block.feed_forward)) common = std::gcd(common, moe->experts);
  }
  return common == 0 ? std::vector<int>{1} : divisors(common);
}

std::vector<int> micro_batches(const Wishes& wishes) {
  std::vector<int> sizes;
  for (int size = 1; size <= most_micro_batch; size *= 2) sizes.push_back(size);
  if (wishes.micro_batch && std::ranges::find(sizes, *wishes.micro_batch) == sizes.end())
    sizes.push_back(*wishes.micro_batch);
  return sizes;
}

void add_batches(std::vector<Split>& list, const Scenario& scenario, const Wishes& wishes, Split split) {
  for (const int size : micro_batches(wishes)) {
    if (scenario.job.global_batch % size != 0) continue;
    split.micro_batch = size;
    for (const Recompute recompute : {Recompute::none, Recompute::selective, Recompute::full}) {
      split.recompute = recompute;
      list.push_back(split);
    }
  }
}

}  // namespace

std::vector<int> divisors(int n) {
  std::vector<int> small, large;
  for (int d = 1; d * d <= n; ++d) {
    if (n % d != 0) continue;
    small.push_back(d);
    if (d != n / d) large.push_back(n / d);
  }
  small.insert(small.end(), large.rbegin(), large.rend());
  return small;
}

std::vector<Pipeline> pipelines(const Scenario& scenario, int pp) {
  if (pp == 1) return {{}};
  const Stack& stack = scenario.stack;
  const int blocks = static_cast<int>(scenario.model.blocks.size());
  std::vector<Pipeline> list;
  if (stack.cuts_by_weights) {
    for (const ScheduleKind schedule : stack.schedules)
      list.push_back({.cut = StageCut::list, .stages = chunks_by_weights(scenario.model, pp), .schedule = schedule});
    std::erase_if(list, [](const Pipeline& pipeline) { return has_several_chunks(pipeline.schedule); });
    return list;
  }
  for (const StageCut cut : {StageCut::even, StageCut::even_with_ends}) {
    const int available = cut == StageCut::even ? blocks : blocks + 2;
    if (pp > available) continue;
    for (const ScheduleKind schedule : stack.schedules) {
      const bool several = has_several_chunks(schedule);
      if (!several) list.push_back({.cut = cut, .schedule = schedule});
      const int limit = traits(schedule).most_virtual_stages, most = limit > 0 ? std::min(limit, available) : available;
      for (int v = 2; several && v <= most && pp * v <= available; ++v) {
        if (available % (pp * v) == 0) list.push_back({.cut = cut, .virtual_stages = v, .schedule = schedule});
      }
    }
  }
  return list;
}

std::vector<StateChoice> state_choices(const Scenario& scenario, const Wishes& wishes, int pp, int replicas) {
  const bool once = pp > 1 && scenario.stack.zero_in_pipelines == ZeroExchange::once_a_step;
  const int last_zero = replicas == 1 ? 0 : pp > 1 && !once ? 1 : 3;
  std::vector<Offload> offloads{{}};
  if (wishes.offload_optimizer) offloads.push_back({.optimizer = true});
  for (std::size_t i = offloads.size(); wishes.offload_activations && i-- > 0;)
    offloads.push_back({offloads[i].optimizer, true});
  std::vector<StateChoice> choices;
  for (int zero = 0; zero <= last_zero; ++zero) {
    std::vector<int> groups{0};
    if (wishes.sharding_group && zero > 0) groups.push_back(*wishes.sharding_group);
    for (const int group : groups) {
      for (const Offload& offload : offloads)
        choices.push_back({.zero = zero,
                           .exchange = once && zero >= 2 ? ZeroExchange::once_a_step : ZeroExchange::every_pass,
                           .sharding_group = group,
                           .offload = offload});
    }
  }
  return choices;
}

std::vector<std::string> beyond_the_space(const Scenario& scenario, const Wishes& wishes) {
  std::vector<std::string> list;
  const auto add_if = [&](bool missing, const char* what) {
    if (missing) list.emplace_back(what);
  };
  const Stack& stack = scenario.stack;
  if (!stack.rules.empty()) list.push_back(fmt::format("what {} refuses (`requires` of its stack)", stack.name));
  add_if(!wishes.offload_optimizer, "the optimiser on the host (--offload)");
  add_if(!wishes.offload_activations, "activations on the host");
  add_if(!wishes.sharding_group, "sharding over a part of the replicas (sharding_group)");
  add_if(is_mixture(scenario.model) && !wishes.etp, "experts cut over ranks (etp)");
  add_if(stack.has_pp && stack.zero_in_pipelines == ZeroExchange::every_pass, "ZeRO 2 and 3 with a pipeline");
  add_if(stack.has_pp && !stack.cuts_by_weights, "listed stages");
  add_if(std::ranges::find(stack.schedules, ScheduleKind::zb_auto) != stack.schedules.end(),
         "zb-auto with another activation_limit than 1");
  add_if(scenario.gpus > most_tp, "tp and cp above 64");
  add_if(true, "micro-batches above 64 or no power of two");
  add_if(true, "overlap that is switched off");
  add_if(true, "devices that stay idle");
  return list;
}

std::vector<Split> splits(const Scenario& scenario, const Wishes& wishes) {
  std::vector<Split> list;
  const auto& kinds = scenario.stack.cp_kinds;
  const auto& schedules = scenario.stack.schedules;
  const bool apart =
      std::any_of(schedules.begin(), schedules.end(), [](ScheduleKind kind) { return splits_backward(kind); });
  std::vector<int> expert_cuts{1};
  if (wishes.etp && *wishes.etp > 1) expert_cuts.push_back(*wishes.etp);
  const auto add = [&](Split split) {
    for (const int etp : expert_cuts) {
      split.etp = etp;
      if (suits_model(scenario, split)) add_batches(list, scenario, wishes, split);
    }
  };
  for (const int tp : divisors(scenario.gpus)) {
    if (tp > most_tp) break;
    for (const int cp : divisors(scenario.gpus / tp)) {
      if (cp > most_cp) break;
      for (const CpKind kind : {CpKind::ring, CpKind::all_gather, CpKind::ulysses}) {
        if (cp == 1 ? kind != CpKind::ring : std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) continue;
        for (const bool sp : {false, true}) {
          for (const int ep : expert_degrees(scenario.model))
            add({.tp = tp, .sp = sp, .cp = cp, .cp_kind = kind, .ep = ep, .apart = apart});
        }
      }
    }
  }
  return list;
}

}  // namespace forerun
