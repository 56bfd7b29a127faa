#include "strategies/closed_form/plan_pricer.hpp"

#include <algorithm>

#include "sim/tick.hpp"
#include "strategies/closed_form/data_parallel.hpp"
#include "strategies/closed_form/step_timing.hpp"
#include "strategies/closed_form/unit_delays.hpp"
#include "strategies/plan/chunks.hpp"
#include "strategies/plan/rank_grid.hpp"
#include "strategies/programs/held_memory.hpp"
#include "strategies/programs/steps/stage_program.hpp"

namespace forerun {
const PassTimes& PlanPricer::times(const SplitPrices& prices, const Plan& plan) {
  lay_out(prices, plan);
  ReplicaPrices replicas(context_, exchanges_, plan);
  pass_times(prices, plan, replicas);
  return times_;
}

void PlanPricer::lay_out(const SplitPrices& prices, const Plan& plan) {
  layout_ = &layouts_(plan);
  stage_sums_.assign(layout_->stage_kinds().size(), {});
  for (std::size_t k = 0; k < stage_sums_.size(); ++k) {
    each_run(layout_->stage_kinds()[k].units, prices,
             [&](const BlockPrice& price, int n) { stage_sums_[k].weights.add(price, n); });
  }
}

// A message between stages: what of it stops the sender, and what its receiver waits for beyond that.
PlanPricer::Hop PlanPricer::hop_over(const Boundary& boundary, const Communication& message, Bytes whole,
                                     const Plan& plan) {
  Timing t = exchanges_(whole / message.pieces, boundary);
  if (message.pieces > 1)
    t = in_turn(t, exchanges_({CollectiveKind::all_gather, whole}, RankGrid(plan).axis(GroupKind::tp)));
  return {.all = t.median, .stops = (1 - message.hidden) * t.median, .spread = t.spread};
}

void PlanPricer::price_hops(const SplitPrices& prices, const Plan& plan) {
  hops_.clear();
  if (plan.pp == 1) return;
  const Communication message = pipeline_message(context_.scenario.given, plan, Flow::pp_send_forward, prices.boundary);
  for (const Boundary& boundary : layout_->boundaries())
    hops_.push_back(hop_over(boundary, message, prices.boundary, plan));
}

void PlanPricer::sum_blocks(const SplitPrices& prices, const Plan& plan, const StageLayout::ChunkKind& kind,
                            ChunkSum& sum) const {
  each_run(kind.runs, prices, [&](const BlockPrice& price, int count) {
    const double n = count;
    sum.forward += n * price.forward.total;
    sum.backward += n * price.backward.total;
    sum.input_gradient += n * price.input_gradient.total;
    sum.weight_gradient += n * price.weight_gradient.total;
    const Seconds apart = price.input_gradient.total + price.weight_gradient.total;
    // DualPipe splits only some of its backwards.
    sum.back_alone += n * (!splits_backward(plan)                                     ? price.backward.total
                           : traits(plan.schedule).splits == BackwardSplit::sometimes ? min(apart, price.backward.total)
                                                                                      : apart);
  });
  sum.forward_alone = sum.forward;
}

void PlanPricer::pass_times(const SplitPrices& prices, const Plan& plan, ReplicaPrices& replicas) {
  price_hops(prices, plan);
  const bool splits = splits_backward(plan);
  std::optional<UnitDelays> delays;
  if (zero_in_step(plan) >= 2 || plan.offload.activations)
    delays.emplace(context_, prices, plan, replicas, replica_scratch_.done);
  chunk_sums_.assign(layout_->chunk_kinds().size(), {});
  for (std::size_t k = 0; k < chunk_sums_.size(); ++k) {
    const StageLayout::ChunkKind& kind = layout_->chunk_kinds()[k];
    ChunkSum& sum = chunk_sums_[k];
    sum_blocks(prices, plan, kind, sum);
    if (delays) {
      const auto wait = [&](PassKind pass, Seconds& time, bool counts) {
        const PassDelay d = (*delays)(kind, pass);
        time += d.sharding + d.offload;
        if (counts) sum.sharding += d.sharding, sum.offload += d.offload;
      };
      wait(PassKind::forward, sum.forward, true);
      wait(PassKind::backward, sum.backward, !splits);
      if (splits)
        wait(PassKind::input_gradient, sum.input_gradient, true),
            wait(PassKind::weight_gradient, sum.weight_gradient, true);
    }
    if (kind.sends_on) sum.forward += hops_[*kind.sends_on].stops;
    if (kind.sends_back) {
      const Seconds stops = hops_[*kind.sends_back].stops;
      sum.backward += stops, sum.input_gradient += stops;
    }
  }
  times_.assign(plan.pp, chunks_per_stage(plan));
  for (int stage = 0; stage < plan.pp && plan.pp > 1; ++stage) {
    const Hop& hop = hop_after(stage);
    times_.links[static_cast<std::size_t>(stage)] = hop.all - hop.stops;
  }
  times_.uneven = layout_->uneven();
  times_.barrier = context_.scenario.given.stack.steps_synchronize;
  const std::vector<int>& kinds = layout_->kinds_on_stages();
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const ChunkSum& sum = chunk_sums_[static_cast<std::size_t>(kinds[i])];
    times_.forward[i] = sum.forward, times_.backward[i] = sum.backward;
    if (splits) times_.input_gradient[i] = sum.input_gradient, times_.weight_gradient[i] = sum.weight_gradient;
  }
}

Timing PlanPricer::tie_time(const Plan& plan, std::int64_t tied) {
  if (tied == 0) return {};
  return exchanges_({CollectiveKind::all_reduce, static_cast<double>(tied) * context_.state.reduction},
                    RankGrid(plan).axis(GroupKind::ends));
}

Timing PlanPricer::summed_time(const Plan& plan, const StageSum& sum) {
  const std::int64_t elements = summed_over_tp(context_.scenario.given, plan, sum.weights);
  if (elements == 0) return {};
  return exchanges_({CollectiveKind::all_reduce, static_cast<double>(elements) * context_.state.reduction},
                    RankGrid(plan).axis(GroupKind::tp));
}

Seconds PlanPricer::mirror_time(const Plan& plan, const StageSum& sum) {
  if (!runs_both_ways(plan)) return Seconds{0};
  const auto own = static_cast<double>(updated_parameters(plan, sum.weights.dense, sum.weights.expert));
  return exchanges_({CollectiveKind::all_reduce, own * context_.state.reduction},
                    RankGrid(plan).axis(GroupKind::mirror))
      .median;
}

void PlanPricer::sum_stages(const Plan& plan, std::int64_t tied) {
  for (std::size_t k = 0; k < stage_sums_.size(); ++k) {
    StageSum& sum = stage_sums_[k];
    const StageLayout::StageKind& kind = layout_->stage_kinds()[k];
    for (std::size_t c = 0; c < chunk_sums_.size(); ++c) {
      const ChunkSum& chunk = chunk_sums_[c];
      const double copies = kind.copies[c];
      sum.work += copies * (chunk.forward +
                            (splits_backward(plan) ? chunk.input_gradient + chunk.weight_gradient : chunk.backward));
      sum.alone += copies * (chunk.forward_alone + chunk.back_alone);
    }
    sum.update = update_time(context_, plan, sum.weights.dense, sum.weights.expert);
    sum.update_alone = sum.update.all();
    if (tied > 0 && kind.first == plan.pp - 1)
      sum.update_alone = update_time(context_, plan, sum.weights.dense - tied, sum.weights.expert).all();
    sum.summed = summed_time(plan, sum);
    sum.mirror = mirror_time(plan, sum);
  }
}

// Stage by stage: when the first message comes, when gradients are ready, when the update is done.
PlanPricer::Step PlanPricer::run(const Plan& plan, std::int64_t micro_batches, DataParallel& replicas) {
  const Stack& stack = context_.scenario.given.stack;
  Step step;
  // Each copy of a chunk under DualPipe sees half of the micro-batches.
  step.runs = static_cast<double>(micro_batches) / (runs_both_ways(plan) ? 2 : 1);
  step.tied = exchanged_by_ends(context_.scenario.given, plan);
  step.tie = tie_time(plan, step.tied);
  sum_stages(plan, trained_second_table(context_.scenario.given, plan));
  for (std::size_t k = 1; k < stage_sums_.size(); ++k) {
    if (stage_sums_[k].work > stage_sums_[step.busiest].work) step.busiest = k;
  }
  // Without a barrier between steps a stage is still busy with the last one until its first message comes.
  const bool starts_at_once = runs_both_ways(plan) || stack.steps_synchronize;
  Seconds arrival{0}, ideal{0}, ends_ready{0}, at_ends{0};
  for (int stage = 0; stage < plan.pp; ++stage) {
    const std::size_t kind = layout_->kind_of_stage(stage);
    const StageSum& sum = stage_sums_[kind];
    const ReplicaExchange exchange = replicas.exchange(stage, arrival);
    const Seconds lead = starts_at_once ? Seconds{0} : ideal,
                  first = times_.forward[times_.at(stage, 0)] + times_.links[static_cast<std::size_t>(stage)];
    step.before = max(step.before, exchange.before);
    arrival += exchange.late + first;
    ideal += first;
    step.late = arrival - ideal;
    const Seconds ready =
        finish_[static_cast<std::size_t>(stage)] - lead + exchange.after + sum.summed.median + sum.mirror;
    if (stage == 0 || stage == plan.pp - 1)
      ends_ready = max(ends_ready, ready), at_ends = max(at_ends, sum.update.all());
    step.end = max(step.end, ready + sum.update.all());
    if (kind == step.busiest) step.after = exchange.after;
  }
  if (step.tied > 0) step.end = max(step.end, ends_ready + step.tie.median + at_ends);
  return step;
}

void PlanPricer::time(const SplitPrices& prices, const Plan& plan, Estimate& e) {
  const std::int64_t micro_batches = micro_batches_of(context_.scenario.given.job, plan);
  ReplicaPrices groups(context_, exchanges_, plan);
  pass_times(prices, plan, groups);
  pipeline_(plan, times_, micro_batches, finish_);
  DataParallel replicas(context_, prices, *layout_, plan, micro_batches, groups, replica_scratch_);
  Step step = run(plan, micro_batches, replicas);
  e.lower_bound = lower_bound(plan, step.runs);
  step.length = max(context_.floor + step.before + step.late + step.end, e.lower_bound);
  e.step = step_timing(context_.scenario, step.length, break_down(prices, plan, step, replicas, e));
  rate(prices, plan, step.runs, e);
}

Seconds PlanPricer::lower_bound(const Plan& plan, double runs) const {
  const bool waits = !runs_both_ways(plan) && context_.scenario.given.stack.steps_synchronize,
             splits = splits_backward(plan);
  Seconds longest{0}, coming{0}, going{0};
  for (int stage = 0; stage < plan.pp; ++stage) {
    const StageSum& sum = stage_sums_[layout_->kind_of_stage(stage)];
    const ChunkSum& first = chunk_sums_[static_cast<std::size_t>(layout_->kinds_on(stage)[0])];
    longest = max(longest, coming + runs * sum.alone + max(going, sum.update_alone));
    if (!waits || stage + 1 == plan.pp) continue;
    coming += first.forward_alone + hop_after(stage).all;
    if (!splits) going += first.back_alone + hop_after(stage).all;
  }
  // Replayed kernels end at whole picoseconds, and those that share processors more than once.
  constexpr double rounding = 1e-9;
  return max(Seconds{0}, context_.floor + (1 - rounding) * longest - Seconds{1e-12});
}

}  // namespace forerun
