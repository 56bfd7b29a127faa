#include "strategies/closed_form.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/tick.hpp"
#include "strategies/chunks.hpp"
#include "strategies/data_parallel.hpp"
#include "strategies/held_memory.hpp"
#include "strategies/plan_schedule.hpp"
#include "strategies/stage_program.hpp"

namespace forerun {
namespace {

// Forward FLOPs of all blocks and the head for one sequence; attention over the full square, as the MFU convention counts it.
Flops forward_flops_of_sequence(const Scenario& given) {
  Implementation how;
  how.attention = AttentionImplementation::unfused;
  Model model = given.model;
  const Split whole;
  Flops sum{0};
  const BlockKinds kinds = block_kinds(model);
  for (std::size_t k = 0; k < kinds.distinct.size(); ++k) {
    const Block& block = kinds.distinct[k];
    sum += forward_flops(block_operators(model, block, local_tokens(given.job, whole, block), how)) * kinds.before[k].back();
  }
  return sum + forward_flops(head_operators(model, model.vocab, local_tokens(given.job, whole, model.blocks.front()), how));
}

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

}  // namespace

ClosedFormContext::ClosedFormContext(PricedScenario priced)
    : scenario(std::move(priced)),
      kinds(block_kinds(scenario.given.model)),
      state(state_bytes(scenario.given.stack.precision, scenario.given.job)),
      model_flops(3.0 * forward_flops_of_sequence(scenario.given) * static_cast<double>(scenario.given.job.global_batch)) {}

Seconds Breakdown::total() const {
  return compute + recompute + std::accumulate(exposed.begin(), exposed.end(), Seconds{0}) + bubble + optimizer + offload + host;
}

void ClosedForm::evaluate(const SplitPrices& prices, const Plan& plan, Estimate& e) {
  memory(prices, plan, e.memory);
  time(prices, plan, e);
}

const PassTimes& ClosedForm::times(const SplitPrices& prices, const Plan& plan) {
  layout_.assign(context_.kinds, plan);
  pass_times(prices, plan);
  return times_;
}

// A message between stages: what of it stops the sender, and what its receiver waits for beyond that.
ClosedForm::Hop ClosedForm::hop_of(const SplitPrices& prices, const Plan& plan) const {
  Hop hop;
  if (plan.pp == 1) return hop;
  const int stride = plan.tp * plan.cp * plan.dp;
  const Timing t = context_.scenario.collectives->time({CollectiveKind::send, prices.boundary}, place(context_.scenario.topology, {{plan.pp, stride}}));
  const Seconds all = to_seconds(to_ticks(t.median));
  const double hides = pipeline_overlap(context_.scenario.given.stack, plan);
  return {.all = all, .stops = (1 - hides) * all, .spread = t.spread};
}

void ClosedForm::pass_times(const SplitPrices& prices, const Plan& plan) {
  const Hop hop = hop_ = hop_of(prices, plan);
  const int locals = chunks_per_stage(plan), chunks = chunk_count(plan);
  times_.assign(plan.pp, locals);
  times_.link = hop.all - hop.stops;
  times_.barrier = context_.scenario.given.stack.steps_synchronize;
  const bool waits_inside = plan.zero >= 2 || plan.offload.activations;
  std::optional<DataParallel> replicas;
  if (waits_inside) replicas.emplace(context_, prices, layout_, plan, 1, storage_);
  delays_.clear();
  const bool splits = splits_backward(plan);
  for (int stage = 0; stage < plan.pp; ++stage) {
    for (int local = 0; local < locals; ++local) {
      const std::size_t i = static_cast<std::size_t>(stage * locals + local);
      const int chunk = chunk_on(plan, stage, local), up = plan.schedule == ScheduleKind::dualpipe ? local : 0;
      Seconds f{0}, b{0}, input{0}, weight{0};
      layout_.each(prices, chunk, [&](const BlockPrice& price, int count) {
        const double n = count;
        f += n * price.forward.total;
        b += n * price.backward.total;
        input += n * price.input_gradient.total;
        weight += n * price.weight_gradient.total;
      });
      if (replicas) {
        const auto delay = [&](PassKind kind) {
          const DataParallel::Delays d = replicas->delays(chunk, kind);
          delays_.emplace_back(d.sharding, d.offload);
          return d.sharding + d.offload;
        };
        f += delay(PassKind::forward);
        b += delay(PassKind::backward);
        if (splits) input += delay(PassKind::input_gradient), weight += delay(PassKind::weight_gradient);
      }
      const auto leaves = [&](int to) { return to >= 0 && to < chunks && stage_of(plan, to, up) != stage ? hop.stops : Seconds{0}; };
      times_.forward[i] = f + leaves(chunk + 1);
      times_.backward[i] = b + leaves(chunk - 1);
      times_.input_gradient[i] = input + leaves(chunk - 1);
      times_.weight_gradient[i] = weight;
    }
  }
}

void ClosedForm::time(const SplitPrices& prices, const Plan& plan, Estimate& e) {
  const Scenario& given = context_.scenario.given;
  const Stack& stack = given.stack;
  const std::int64_t micro_batches = given.job.global_batch / (std::int64_t{plan.dp} * plan.micro_batch);
  const double m = static_cast<double>(micro_batches);
  const int locals = chunks_per_stage(plan);
  // Each copy of a chunk under DualPipe sees half of the micro-batches.
  const double runs = plan.schedule == ScheduleKind::dualpipe && plan.pp > 1 ? m / 2 : m;
  pass_times(prices, plan);
  const Hop hop = hop_;
  pipeline_(plan, times_, micro_batches, finish_);

  // The stage that works longest is the one whose time is broken down.
  std::size_t busiest = 0;
  Seconds most{0};
  for (int stage = 0; stage < plan.pp; ++stage) {
    Seconds work{0};
    for (int local = 0; local < locals; ++local) {
      const std::size_t i = static_cast<std::size_t>(stage * locals + local);
      work += times_.forward[i] + (splits_backward(plan) ? times_.input_gradient[i] + times_.weight_gradient[i] : times_.backward[i]);
    }
    if (work > most) most = work, busiest = static_cast<std::size_t>(stage);
  }

  DataParallel replicas(context_, prices, layout_, plan, micro_batches, storage_);
  const std::int64_t tied = second_table(given.model, plan);
  Seconds arrival{0}, ideal{0}, before{0}, late{0}, end{0};
  ReplicaExchange of_busiest;
  Seconds optimizer_of_busiest{0}, at_ends{0};
  Timing tie;
  if (tied > 0) {
    tie = context_.scenario.collectives->time({CollectiveKind::all_reduce, static_cast<double>(tied) * context_.state.reduction},
                                              place(context_.scenario.topology, axes_of(GroupKind::ends, plan)));
    tie.median = to_seconds(to_ticks(tie.median));
  }
  Seconds ends_ready{0};
  for (int stage = 0; stage < plan.pp; ++stage) {
    std::int64_t dense = stage == plan.pp - 1 ? tied : 0, expert = 0;
    for (int local = 0; local < locals; ++local) {
      layout_.each(prices, chunk_on(plan, stage, local), [&](const BlockPrice& price, int n) { dense += n * price.parameters, expert += n * price.expert_parameters; });
    }
    const ReplicaExchange exchange = replicas.exchange(stage, arrival);
    // Without a barrier between steps a stage is still busy with the last one until its first message comes.
    const bool starts_at_once = plan.schedule == ScheduleKind::dualpipe || stack.steps_synchronize;
    const Seconds lead = starts_at_once ? Seconds{0} : ideal;
    const Seconds update = optimizer_time(context_, plan, dense, expert);
    before = max(before, exchange.before);
    arrival += exchange.late + times_.forward[static_cast<std::size_t>(stage * locals)] + times_.link;
    ideal += times_.forward[static_cast<std::size_t>(stage * locals)] + times_.link;
    late = arrival - ideal;
    const Seconds ready = finish_[static_cast<std::size_t>(stage)] - lead + exchange.after + mirror_time(plan, dense, expert);
    if (stage == 0 || stage == plan.pp - 1) ends_ready = max(ends_ready, ready);
    at_ends = max(at_ends, stage == 0 || stage == plan.pp - 1 ? update : Seconds{0});
    end = max(end, ready + update);
    if (static_cast<std::size_t>(stage) == busiest) of_busiest = exchange, optimizer_of_busiest = update;
  }
  if (tied > 0) end = max(end, ends_ready + tie.median + at_ends);
  e.lower_bound = lower_bound(prices, plan, runs);
  const Seconds step = max(to_seconds(to_ticks(stack.host_per_step)) + before + late + end, e.lower_bound);

  // Where it goes, on the busiest stage.
  e.breakdown = Breakdown{};
  e.traffic = of_busiest.traffic;
  std::array<Seconds, error_kinds> error = of_busiest.error;
  Flops recomputed{0};  // of one device of each stage
  Seconds sharding{0}, away{0};
  for (int stage = 0; stage < plan.pp; ++stage) {
    for (int local = 0; local < locals; ++local) {
      const int chunk = chunk_on(plan, stage, local), up = plan.schedule == ScheduleKind::dualpipe ? local : 0;
      const bool here = static_cast<std::size_t>(stage) == busiest;
      layout_.each(prices, chunk, [&](const BlockPrice& price, int count) {
        const double n = count * runs;
        recomputed += n * price.recomputed;
        if (!here) return;
        add(e.breakdown, price.forward, n);
        if (splits_backward(plan)) {
          add(e.breakdown, price.input_gradient, n), add(e.breakdown, price.weight_gradient, n);
        } else {
          add(e.breakdown, price.backward, n);
        }
        e.traffic.add(price.traffic, n);
        for (std::size_t k = 0; k < error_kinds; ++k) error[k] += n * price.error[k];
      });
      if (!here) continue;
      const auto sends = [&](int to) {
        if (to < 0 || to >= chunk_count(plan) || stage_of(plan, to, up) == stage) return;
        charge(e.breakdown, Dimension::pp, {runs * hop.stops, runs * (hop.all - hop.stops)});
        error[static_cast<std::size_t>(ErrorKind::communication)] += runs * hop.stops * hop.spread;
      };
      sends(chunk + 1);
      sends(chunk - 1);
      if (replicas.inside_passes()) {
        const std::size_t kinds = splits_backward(plan) ? 4 : 2, first = static_cast<std::size_t>(stage * locals + local) * kinds;
        for (std::size_t k = 0; k < kinds; ++k) {
          if (kinds == 4 && k == 1) continue;  // forward, (both gradients together,) B, W
          sharding += runs * delays_[first + k].first;
          away += runs * delays_[first + k].second;
        }
      }
    }
  }
  count_sends(prices, plan, runs, e.traffic);
  const double waits = std::max(1.0, *std::max_element(finish_.begin(), finish_.end()) / (runs * most));
  for (Seconds& part : error) part *= waits;  // the bubble is the same kernels on other stages
  const bool at_end = busiest == 0 || busiest + 1 == static_cast<std::size_t>(plan.pp);
  if (tied > 0 && at_end) {
    charge(e.breakdown, Dimension::pp, {tie.median, Seconds{0}});
    e.traffic.add(Flow::pp_all_reduce, tied, context_.state.reduction, 2);
    error[static_cast<std::size_t>(ErrorKind::communication)] += tie.median * tie.spread;
  }
  const Seconds exposed = before + late + of_busiest.after + sharding;
  charge(e.breakdown, Dimension::dp, {exposed, data_parallel_overlap(stack, plan) > 0 ? max(Seconds{0}, of_busiest.communication - exposed) : Seconds{0}});
  e.breakdown.offload = away;
  e.breakdown.optimizer = optimizer_of_busiest;
  e.breakdown.host = to_seconds(to_ticks(stack.host_per_step));
  e.breakdown.bubble = Seconds{0};
  e.breakdown.bubble = step - e.breakdown.total();

  double squares = 0;
  for (const Seconds part : error) squares += (part / step) * (part / step);
  e.step = {step, std::sqrt(squares + stack.spread * stack.spread), context_.scenario.parameters.evidence};

  const Device& device = context_.scenario.device();
  const double devices = given.gpus;
  const FlopsPerSecond peak_rate = devices * peak(device, given.job.dtype);
  e.tokens_per_second = static_cast<double>(tokens_per_step(given.job)) / step.value();
  e.mfu = context_.model_flops / (peak_rate * step);
  e.hfu = (context_.model_flops + devices / plan.pp * recomputed) / (peak_rate * step);
  const double working = (e.breakdown.compute + e.breakdown.recompute + e.breakdown.optimizer) / step;
  e.energy = devices * device.power * step * (working + (1 - working) * context_.scenario.parameters.idle_power);
  e.cost = device.price ? std::optional(devices * *device.price * step) : std::nullopt;
}


Seconds ClosedForm::lower_bound(const SplitPrices& prices, const Plan& plan, double runs) {
  const Hop hop = hop_;
  const Stack& stack = context_.scenario.given.stack;
  const bool splits = splits_backward(plan), waits = plan.schedule != ScheduleKind::dualpipe && stack.steps_synchronize;
  Seconds longest{0}, coming{0}, going{0};
  for (int stage = 0; stage < plan.pp; ++stage) {
    Seconds work{0}, forward{0}, backward{0};  // of one micro-batch; of its first chunk
    std::int64_t dense = 0, expert = 0;
    for (int local = 0; local < chunks_per_stage(plan); ++local) {
      layout_.each(prices, chunk_on(plan, stage, local), [&](const BlockPrice& price, int count) {
        const double n = count;
        const Seconds apart = price.input_gradient.total + price.weight_gradient.total;
        // DualPipe splits only some of its backwards.
        const Seconds back = !splits ? price.backward.total : plan.schedule == ScheduleKind::dualpipe ? min(apart, price.backward.total) : apart;
        work += n * (price.forward.total + back);
        if (local == 0) forward += n * price.forward.total, backward += n * back;
        dense += count * price.parameters, expert += count * price.expert_parameters;
      });
    }
    longest = max(longest, coming + runs * work + max(going, optimizer_time(context_, plan, dense, expert)));
    if (waits) coming += forward + hop.all;
    if (waits && !splits) going += backward + hop.all;
  }
  // The last picosecond is rounding.
  return max(Seconds{0}, to_seconds(to_ticks(stack.host_per_step)) + longest - Seconds{1e-12});
}

// Of the stage that sends most in each direction.
void ClosedForm::count_sends(const SplitPrices& prices, const Plan& plan, double runs, Traffic& traffic) const {
  const Bytes element = size_of(activation_dtype(context_.scenario.given.job));
  for (const Flow flow : {Flow::pp_send_forward, Flow::pp_send_backward}) {
    int most = 0;
    for (int stage = 0; stage < plan.pp; ++stage) {
      int sends = 0;
      for (int local = 0; local < chunks_per_stage(plan); ++local) {
        const int up = plan.schedule == ScheduleKind::dualpipe ? local : 0, to = chunk_on(plan, stage, local) + (flow == Flow::pp_send_forward ? 1 : -1);
        sends += to >= 0 && to < chunk_count(plan) && stage_of(plan, to, up) != stage ? 1 : 0;
      }
      most = std::max(most, sends);
    }
    if (most > 0) traffic.add(flow, static_cast<std::int64_t>(prices.boundary / element), element, 2, most * runs);
  }
}

Seconds ClosedForm::mirror_time(const Plan& plan, std::int64_t dense, std::int64_t expert) const {
  if (plan.schedule != ScheduleKind::dualpipe || plan.pp == 1) return Seconds{0};
  const std::int64_t own = shard_sizes(dense, plan.zero > 0 ? dense_shards(plan) : 1).largest + shard_sizes(expert, plan.zero > 0 ? expert_shards(plan) : 1).largest;
  const Timing t = context_.scenario.collectives->time({CollectiveKind::all_reduce, static_cast<double>(own) * context_.state.reduction},
                                                       place(context_.scenario.topology, axes_of(GroupKind::mirror, plan)));
  return to_seconds(to_ticks(t.median));
}

Estimate estimate(const PricedScenario& scenario, const Plan& plan) {
  const ClosedFormContext context(scenario);
  ClosedForm form(context);
  Estimate result;
  form.evaluate(price_split(scenario, context.kinds, split_of(plan)), plan, result);
  return result;
}

}  // namespace forerun
