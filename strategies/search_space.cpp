#include "strategies/search_space.hpp"

#include <algorithm>
#include <numeric>

#include "strategies/check_plan.hpp"

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

std::vector<Pipeline> pipelines(const Stack& stack, int pp, int blocks) {
  if (pp == 1) return {{}};
  std::vector<Pipeline> list;
  for (const StageCut cut : {StageCut::even, StageCut::even_with_ends}) {
    const int available = cut == StageCut::even ? blocks : blocks + 2;
    if (pp > available) continue;
    for (const std::string& name : stack.schedules) {
      const ScheduleKind schedule = *schedule_from(name);
      const bool several = schedule == ScheduleKind::interleaved || schedule == ScheduleKind::zb_v;
      if (!several) list.push_back({cut, 1, schedule});
      const int most = schedule == ScheduleKind::zb_v ? 2 : available;
      for (int v = 2; several && v <= most && pp * v <= available; ++v) {
        if (available % (pp * v) == 0) list.push_back({cut, v, schedule});
      }
    }
  }
  return list;
}

bool has_shape(const Pipeline& pipeline, int pp, int micro_batches) {
  if (pipeline.schedule == ScheduleKind::interleaved) return micro_batches % pp == 0;
  if (pipeline.schedule == ScheduleKind::dualpipe) return pp % 2 == 0 && micro_batches % 2 == 0 && micro_batches >= 2 * pp;
  return true;
}

std::vector<Split> splits(const Scenario& scenario) {
  std::vector<Split> list;
  const auto& kinds = scenario.stack.cp_kinds;
  const auto& schedules = scenario.stack.schedules;
  const bool apart = std::any_of(schedules.begin(), schedules.end(), [](const std::string& name) { return splits_backward(*schedule_from(name)); });
  for (const int tp : divisors(scenario.gpus)) {
    if (tp > most_tp) break;
    for (const int cp : divisors(scenario.gpus / tp)) {
      if (cp > most_cp) break;
      for (const CpKind kind : {CpKind::ring, CpKind::all_gather, CpKind::ulysses}) {
        if (cp == 1 ? kind != CpKind::ring : std::find(kinds.begin(), kinds.end(), to_string(kind)) == kinds.end()) continue;
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
