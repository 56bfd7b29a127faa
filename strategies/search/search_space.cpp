#include "strategies/search/search_space.hpp"

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

void add_batches(std::vector<Split>& list, const Scenario& scenario, Split split) {
  for (split.micro_batch = 1; split.micro_batch <= most_micro_batch; split.micro_batch *= 2) {
    if (scenario.job.global_batch % split.micro_batch != 0) return;
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

std::vector<Split> splits(const Scenario& scenario) {
  std::vector<Split> list;
  const auto& kinds = scenario.stack.cp_kinds;
  const auto& schedules = scenario.stack.schedules;
  const bool apart =
      std::any_of(schedules.begin(), schedules.end(), [](ScheduleKind kind) { return splits_backward(kind); });
  for (const int tp : divisors(scenario.gpus)) {
    if (tp > most_tp) break;
    for (const int cp : divisors(scenario.gpus / tp)) {
      if (cp > most_cp) break;
      for (const CpKind kind : {CpKind::ring, CpKind::all_gather, CpKind::ulysses}) {
        if (cp == 1 ? kind != CpKind::ring : std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) continue;
        for (const bool sp : {false, true}) {
          for (const int ep : expert_degrees(scenario.model)) {
            Split split;
            split.tp = tp, split.sp = sp, split.cp = cp, split.cp_kind = kind, split.ep = ep, split.apart = apart;
            if (suits_model(scenario, split)) add_batches(list, scenario, split);
          }
        }
      }
    }
  }
  return list;
}

}  // namespace forerun
