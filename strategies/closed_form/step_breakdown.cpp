// Where the time of the closed form goes, on the stage that works longest.
#include <algorithm>
#include <numeric>

#include "costmodel/parameters.hpp"
#include "strategies/closed_form/data_parallel.hpp"
#include "strategies/closed_form/plan_pricer.hpp"
#include "strategies/programs/steps/stage_program.hpp"

namespace forerun {
namespace {

// Adds `n` passes to the breakdown.
void add(Breakdown& b, const PassPrice& pass, double n) {
  b.compute += n * pass.compute;
  b.recompute += n * pass.recompute;
  for (std::size_t d = 0; d < all_dimensions.size(); ++d) {
    b.exposed[d] += n * pass.delay[d].exposed;
    b.hidden[d] += n * pass.delay[d].hidden;
  }
}

void charge(Breakdown& b, Dimension dimension, const Delay& delay) {
  b.exposed[static_cast<std::size_t>(dimension)] += delay.exposed;
  b.hidden[static_cast<std::size_t>(dimension)] += delay.hidden;
}

constexpr auto of_communication = static_cast<std::size_t>(ErrorKind::communication);

}  // namespace

// Of the busiest stage: its blocks and its messages to other stages.
void PlanPricer::add_blocks(const SplitPrices& prices, const Plan& plan, const Step& step, Errors& error,
                            Estimate& e) const {
  const StageLayout::StageKind& stage = layout_->stage_kinds()[step.busiest];
  each_run(stage.units, prices, [&](const BlockPrice& price, int count) {
    const double n = count * step.runs;
    add(e.breakdown, price.forward, n);
    if (splits_backward(plan)) {
      add(e.breakdown, price.input_gradient, n), add(e.breakdown, price.weight_gradient, n);
    } else {
      add(e.breakdown, price.backward, n);
    }
    e.traffic.add(price.traffic, n);
    for (std::size_t i = 0; i < error_kinds; ++i) error[i] += n * price.error[i];
  });
  const auto send = [&](std::optional<std::size_t> boundary, double n) {
    if (!boundary) return;
    const Hop& hop = hops_[*boundary];
    charge(e.breakdown, Dimension::pp, {n * hop.stops, n * (hop.all - hop.stops)});
    error[of_communication] += n * hop.stops * hop.spread;
  };
  for (std::size_t k = 0; k < stage.copies.size(); ++k) {
    const StageLayout::ChunkKind& chunk = layout_->chunk_kinds()[k];
    const double n = stage.copies[k] * step.runs;
    if (n > 0) send(chunk.sends_on, n), send(chunk.sends_back, n);
  }
}

PlanPricer::Errors PlanPricer::break_down(const SplitPrices& prices, const Plan& plan, const Step& step,
                                          DataParallel& replicas, Estimate& e) const {
  const Stack& stack = context_.scenario.given.stack;
  const StageSum& busiest = stage_sums_[step.busiest];
  const StageLayout::StageKind& stage = layout_->stage_kinds()[step.busiest];
  const ReplicaVolume volume = replicas.volume(stage);
  e.breakdown = Breakdown{};
  e.traffic = volume.traffic;
  Errors error{};
  error[of_communication] = volume.error;
  add_blocks(prices, plan, step, error, e);
  count_sends(prices, plan, step.runs, e.traffic);
  const double waits = std::max(1.0, *std::max_element(finish_.begin(), finish_.end()) / (step.runs * busiest.work));
  for (Seconds& part : error) part *= waits;  // the bubble is the same kernels on other stages
  const bool at_end = stage.first == 0 || stage.first + 1 == plan.pp;
  if (step.tied > 0 && at_end) {
    charge(e.breakdown, Dimension::pp, {step.tie.median, Seconds{0}});
    e.traffic.add(Flow::pp_all_reduce, step.tied, context_.state.reduction, 2);
    error[of_communication] += step.tie.median * step.tie.spread;
  }
  if (const std::int64_t elements = summed_over_tp(context_.scenario.given, plan, busiest.weights); elements > 0) {
    charge(e.breakdown, Dimension::tp, {busiest.summed.median, Seconds{0}});
    e.traffic.add(Flow::tp_all_reduce, elements, context_.state.reduction, plan.tp);
    error[of_communication] += busiest.summed.median * busiest.summed.spread;
  }
  Seconds sharding{0};
  for (std::size_t k = 0; k < stage.copies.size(); ++k) {
    const double n = stage.copies[k] * step.runs;
    sharding += n * chunk_sums_[k].sharding, e.breakdown.offload += n * chunk_sums_[k].offload;
  }
  const Seconds exposed = step.before + step.late + step.after + sharding;
  charge(
      e.breakdown, Dimension::dp,
      {exposed, data_parallel_overlap(stack, plan) > 0 ? max(Seconds{0}, volume.communication - exposed) : Seconds{0}});
  e.breakdown.optimizer = busiest.update.update;
  e.breakdown.offload += busiest.update.copies;
  e.breakdown.host = context_.floor;
  if (plan.pp > 1) e.breakdown.bubble = step.length - e.breakdown.total();  // without a pipeline only rounding is left
  return error;
}

// Of the stage that sends most in each direction.
void PlanPricer::count_sends(const SplitPrices& prices, const Plan& plan, double runs, Traffic& traffic) const {
  const auto count = [&](Flow flow, double sends) {
    if (sends > 0)
      count_traffic(pipeline_message(context_.scenario.given, plan, flow, prices.boundary), plan, sends * runs,
                    traffic);
  };
  count(Flow::pp_send_forward, layout_->most_sends_on());
  count(Flow::pp_send_backward, layout_->most_sends_back());
}

void PlanPricer::rate(const SplitPrices& prices, const Plan& plan, double runs, Estimate& e) const {
  const Device& device = context_.scenario.device();
  const double devices = context_.scenario.given.gpus;
  const Seconds step = e.step.median;
  Flops recomputed{0};  // of one device of each stage
  for (const StageLayout::StageKind& kind : layout_->stage_kinds()) {
    each_run(kind.units, prices,
             [&](const BlockPrice& price, int n) { recomputed += kind.count * n * runs * price.recomputed; });
  }
  e.tokens_per_second = static_cast<double>(tokens_per_step(context_.scenario.given.job)) / step.value();
  e.mfu = context_.model_flops / (context_.peak_rate * step);
  e.mfu_full_square = context_.full_square_flops / (context_.peak_rate * step);
  e.hfu = (context_.model_flops + devices / plan.pp * recomputed) / (context_.peak_rate * step);
  const double working = (e.breakdown.compute + e.breakdown.recompute + e.breakdown.optimizer) / step;
  e.energy = devices * device.power * step * (working + (1 - working) * context_.scenario.parameters->idle_power);
  e.cost = device.price ? std::optional(devices * *device.price * step) : std::nullopt;
}

}  // namespace forerun
