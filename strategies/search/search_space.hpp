// The uniform plans of a scenario, enumerated in a fixed order.
//
// All devices are used, in ways that the stack has and accepts (check_stack). Bounds:
//   tp            divisors of the device count up to 64 that divide the heads (and suit the key-value heads)
//   sp            off and on, if tp > 1 (on only, for mixtures of experts)
//   cp            divisors up to 64; every kind that the stack has, if cp > 1
//   ep            divisors of the number of experts that divide tp x cp x dp; 1 for dense models
//   pp            divisors up to the number of blocks (plus two for even_with_ends); every schedule that the stack has
//   v             interleaved: 2 and more, zb-v: 2, such that pp x v divides the blocks (plus two): equal chunks;
//                 others: 1, chunks may differ by one block
//   stages        even and even_with_ends, if pp > 1; of software that cuts by weights only so, and one chunk a stage
//   zero          0 to 3, if dp x cp > 1; with a pipeline 2 and 3 only where the stack exchanges once a step; sharded
//                 over all of it, nothing offloaded, experts not cut
//   micro-batch   powers of two up to 64 that divide the batch of a replica
//   recompute     none, selective, full
// Wishes narrow it, and add values that they fix (offload, etp, sharding_group, a micro-batch). What is left out, but
// read in plan files, beyond_the_space() says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "strategies/plan/check_plan.hpp"
#include "strategies/plan/scenario.hpp"
#include "strategies/plan/shard.hpp"
#include "strategies/search/wishes.hpp"

namespace forerun {

// Everything that decides the price of a block; each is priced once and shared by the plans that repeat it.
std::vector<Split> splits(const Scenario&, const Wishes& = {});

// visit(plan) for every valid plan of the split, always in the same order.
template <class Visit>
void for_each_plan(const Scenario&, const Split&, Visit visit, const Wishes& = {});

std::vector<int> divisors(int n);  // ascending

// The pipelines of `pp` stages: cut, schedule and virtual stages.
struct Pipeline {
  StageCut cut = StageCut::even;
  std::vector<Stage> stages = {};  // of cut == list
  int virtual_stages = 1;
  ScheduleKind schedule = ScheduleKind::one_f_one_b;
};
std::vector<Pipeline> pipelines(const Scenario&, int pp);

// How states live in a plan: level of ZeRO, when and over whom it exchanges, what is on the host.
struct StateChoice {
  int zero = 0;
  ZeroExchange exchange = ZeroExchange::every_pass;
  int sharding_group = 0;
  Offload offload = {};
};
std::vector<StateChoice> state_choices(const Scenario&, const Wishes&, int pp, int replicas);

// What plans may say and the space does not have: "activations on the host".
std::vector<std::string> beyond_the_space(const Scenario&, const Wishes&);

template <class Visit>
void for_each_plan(const Scenario& scenario, const Split& split, Visit visit, const Wishes& wishes) {
  const StackFacts facts(scenario, wishes.conditions);
  const int blocks = static_cast<int>(scenario.model.blocks.size());
  const int rest = scenario.gpus / (split.tp * split.cp);
  for (const int pp : divisors(rest)) {
    const int dp = rest / pp;
    if (pp > blocks + 2 || (split.tp * split.cp * dp) % (split.ep * split.etp) != 0) continue;
    if (scenario.job.global_batch % (dp * split.micro_batch) != 0) continue;
    const int micro_batches = scenario.job.global_batch / (dp * split.micro_batch);
    const std::vector<StateChoice> choices = state_choices(scenario, wishes, pp, dp * split.cp);
    for (const Pipeline& pipeline : pipelines(scenario, pp)) {
      if (!has_shape(pipeline.schedule, {pp, pipeline.virtual_stages, micro_batches})) continue;
      Plan plan;
      plan.tp = split.tp, plan.sp = split.sp, plan.cp = split.cp, plan.cp_kind = split.cp_kind;
      plan.pp = pp, plan.virtual_stages = pipeline.virtual_stages, plan.cut = pipeline.cut,
      plan.stages = pipeline.stages;
      plan.schedule = pipeline.schedule;
      plan.ep = split.ep, plan.etp = split.etp, plan.dp = dp;
      plan.micro_batch = split.micro_batch, plan.recompute = split.recompute;
      for (const StateChoice& choice : choices) {
        plan.zero = choice.zero, plan.zero_exchange = choice.exchange, plan.sharding_group = choice.sharding_group,
        plan.offload = choice.offload;
        if (!supports(scenario.stack, facts, plan)) continue;
        if (!wishes.extend() || is_valid(scenario, plan)) visit(plan);
      }
    }
  }
}

}  // namespace forerun
