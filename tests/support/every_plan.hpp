// Every plan that the header of search_space.hpp describes, by loops over all integers: slow, and blind to how the
// search goes about it.
#pragma once

#include <vector>

#include "strategies/plan/check_plan.hpp"
#include "strategies/plan/chunks.hpp"

namespace forerun::test {

inline bool cuts_equally(const Plan& plan, int blocks) {
  const int available = plan.cut == StageCut::even ? blocks : blocks + 2;
  return available % (plan.pp * plan.virtual_stages) == 0;
}

// The degrees are set; tries everything else.
template <class Visit>
void visit_details(const Scenario& given, Plan plan, Visit visit) {
  const int blocks = static_cast<int>(given.model.blocks.size());
  for (const StageCut cut : {StageCut::even, StageCut::even_with_ends, StageCut::list}) {
    if (plan.pp == 1 && cut != StageCut::even) continue;
    if (plan.pp > 1 && given.stack.cuts_by_weights != (cut == StageCut::list)) continue;
    if (cut == StageCut::list) plan.stages = chunks_by_weights(given.model, plan.pp);
    for (int v = 1; v <= blocks + 2; ++v) {
      plan.cut = cut, plan.virtual_stages = v;
      if (v > 1 && (cut == StageCut::list || !cuts_equally(plan, blocks))) continue;
      const bool once = plan.pp > 1 && given.stack.zero_in_pipelines == ZeroExchange::once_a_step;
      const int last_zero = plan.dp * plan.cp == 1 ? 0 : plan.pp > 1 && !once ? 1 : 3;
      for (int zero = 0; zero <= last_zero; ++zero) {
        plan.zero_exchange = once && zero >= 2 ? ZeroExchange::once_a_step : ZeroExchange::every_pass;
        for (int micro_batch = 1; micro_batch <= 64; micro_batch *= 2) {
          for (const Recompute recompute : {Recompute::none, Recompute::selective, Recompute::full}) {
            plan.zero = zero, plan.micro_batch = micro_batch, plan.recompute = recompute;
            for (int schedule = 0; schedule <= static_cast<int>(ScheduleKind::zb_auto); ++schedule) {
              plan.schedule = static_cast<ScheduleKind>(schedule);
              if (plan.pp == 1 && plan.schedule != ScheduleKind::one_f_one_b) continue;
              if (is_valid(given, plan) && supports(given, plan)) visit(plan);
            }
          }
        }
      }
    }
  }
}

template <class Visit>
void every_plan(const Scenario& given, Visit visit) {
  const int blocks = static_cast<int>(given.model.blocks.size());
  for (int tp = 1; tp <= 64; ++tp) {
    for (int cp = 1; cp <= 64; ++cp) {
      for (int pp = 1; pp <= blocks + 2; ++pp) {
        for (int dp = 1; dp <= given.gpus; ++dp) {
          if (tp * cp * pp * dp != given.gpus) continue;
          for (int ep = 1; ep <= (is_mixture(given.model) ? given.gpus : 1); ++ep) {
            for (const bool sp : {false, true}) {
              for (const CpKind kind : {CpKind::ring, CpKind::all_gather, CpKind::ulysses}) {
                if (cp == 1 && kind != CpKind::ring) continue;
                visit_details(given, {.tp = tp, .sp = sp, .cp = cp, .cp_kind = kind, .pp = pp, .ep = ep, .dp = dp},
                              visit);
              }
            }
          }
        }
      }
    }
  }
}

}  // namespace forerun::test
