#include "strategies/data_parallel.hpp"

#include <algorithm>

#include "sim/tick.hpp"
#include "strategies/chunks.hpp"
#include "strategies/held_memory.hpp"
#include "strategies/stage_program.hpp"
#include "strategies/work_price.hpp"

namespace forerun {
namespace {

Seconds whole_ticks(Seconds time) { return to_seconds(to_ticks(time)); }

// Of a pass alone: how much of it keeps the processors busy.
double busy(const PassPrice& pass) { return pass.total > Seconds{0} ? std::min(1.0, (pass.compute + pass.recompute) / pass.total) : 1; }

bool gathers(PassKind kind) { return kind != PassKind::weight_gradient; }
bool scatters(PassKind kind) { return kind == PassKind::backward || kind == PassKind::weight_gradient; }

}  // namespace

DataParallel::DataParallel(const ClosedFormContext& context, const SplitPrices& prices, const StageLayout& layout, const Plan& plan,
                           std::int64_t micro_batches, std::vector<Seconds>& storage)
    : context_(context), prices_(prices), layout_(layout), plan_(plan), micro_batches_(static_cast<double>(micro_batches)),
      hides_(data_parallel_overlap(context.scenario.given.stack, plan)), contention_(context.scenario.given.stack.contention),
      element_(size_of(activation_dtype(context.scenario.given.job))), storage_(storage) {
  const auto group = [&](GroupKind shard, GroupKind replica) {
    Group g{.size = size_of_group(shard, plan), .replicas = size_of_group(replica, plan), .shard = {}, .replica = {}};
    if (g.size > 1) g.shard = place(context.scenario.topology, axes_of(shard, plan));
    if (g.replicas > 1) g.replica = place(context.scenario.topology, axes_of(replica, plan));
    return g;
  };
  groups_[0] = group(GroupKind::shard, GroupKind::replica);
  groups_[1] = group(GroupKind::expert_shard, GroupKind::expert_replica);
}

Timing DataParallel::time(Flow flow, double elements, Bytes element, const Placement& where) const {
  Timing t = context_.scenario.collectives->time({kind_of(flow), elements * element}, where);
  t.median = whole_ticks(t.median);
  return t;
}

void DataParallel::note(const Timing& t, Flow flow, double elements, Bytes element, int size) {
  if (notes_ == nullptr) return;
  notes_->communication += copies_ * t.median;
  notes_->error[static_cast<std::size_t>(ErrorKind::communication)] += copies_ * t.median * t.spread;
  notes_->traffic.add(flow, static_cast<std::int64_t>(elements), element, size, copies_);
}

Seconds DataParallel::gather(std::int64_t elements, int experts) {
  const Group& g = groups_[static_cast<std::size_t>(experts)];
  if (elements == 0 || g.size == 1) return Seconds{0};
  const Timing t = time(Flow::dp_all_gather, static_cast<double>(elements), element_, g.shard);
  note(t, Flow::dp_all_gather, static_cast<double>(elements), element_, g.size);
  return t.median;
}

Seconds DataParallel::reduce(std::int64_t elements, int experts) {
  const Group& g = groups_[static_cast<std::size_t>(experts)];
  const Bytes element = context_.state.reduction;
  Seconds sum{0};
  if (elements == 0) return sum;
  if (g.size > 1) {
    const Flow flow = plan_.zero == 0 ? Flow::dp_all_reduce : Flow::dp_reduce_scatter;
    const Timing t = time(flow, static_cast<double>(elements), element, g.shard);
    note(t, flow, static_cast<double>(elements), element, g.size);
    sum += t.median;
  }
  if (g.replicas > 1) {
    const auto share = static_cast<double>(shard_sizes(elements, g.size).largest);
    const Timing t = time(Flow::dp_all_reduce, share, element, g.replica);
    note(t, Flow::dp_all_reduce, share, element, g.replicas);
    sum += t.median;
  }
  return sum;
}

DataParallel::Times DataParallel::unit_times(const BlockPrice& unit) {
  return {gather(unit.parameters, 0) + gather(unit.expert_parameters, 1), reduce(unit.parameters, 0) + reduce(unit.expert_parameters, 1)};
}

void DataParallel::units_of(int chunk) {
  units_.clear();
  layout_.each_run(prices_, chunk, [&](const BlockPrice& price, int n) { units_.insert(units_.end(), static_cast<std::size_t>(n), &price); });
}

void DataParallel::cut(int experts) {
  parameters_.clear();
  for (const BlockPrice* unit : units_) parameters_.push_back(experts == 1 ? unit->expert_parameters : unit->parameters);
  const Group& g = groups_[static_cast<std::size_t>(experts)];
  buckets_[experts].clear();
  if (g.size * g.replicas > 1) cut_buckets(parameters_, context_.scenario.given.stack.bucket, g.size * g.replicas, buckets_[experts]);
}

DataParallel::Delays DataParallel::delays(int chunk, PassKind kind) {
  units_of(chunk);
  if (kind != PassKind::forward) std::reverse(units_.begin(), units_.end());
  return {plan_.zero >= 2 ? sharding_delay(kind) : Seconds{0}, plan_.offload.activations ? offload_delay(kind) : Seconds{0}};
}

Seconds DataParallel::sharding_delay(PassKind kind) {
  const bool gather_units = gathers(kind) && plan_.zero == 3, scatter_units = scatters(kind);
  ExchangeClock clock(hides_, contention_, storage_);
  Seconds alone{0};
  std::size_t gathering = 0, scattering = 0;
  Times times, next;
  Seconds last_reduce{0};
  const BlockPrice* known = nullptr;
  Seconds before{0}, took{0}, backlog{0};
  for (std::size_t i = 0; i < units_.size(); ++i) {
    // Once a unit takes as long as the equal one before it, and leaves as much to do, so do all equal ones after it.
    const Seconds takes = clock.now - before;
    if (i >= 3 && units_[i - 1] == units_[i - 2] && units_[i] == units_[i - 1] && takes == took && clock.backlog() == backlog) {
      std::size_t end = i;
      while (end + 1 < units_.size() && units_[end + 1] == units_[i]) ++end;
      if (end > i) {
        const double n = static_cast<double>(end - i);
        clock.skip(n * takes);
        alone += n * units_[i]->pass(kind).total;
        i = end;
      }
    }
    took = takes, backlog = clock.backlog(), before = clock.now;
    times = i == 0 ? unit_times(*units_[0]) : next;
    if (i + 1 < units_.size()) {
      if (units_[i + 1] != known) next = unit_times(*units_[i + 1]);
      known = units_[i + 1];
    }
    if (gather_units) {
      if (i == 0 || hides_ == 0) gathering = clock.issue(times.gather);
      clock.wait(gathering, times.gather);
      if (i + 1 < units_.size() && hides_ > 0) gathering = clock.issue(next.gather);
    }
    const Seconds own = units_[i]->pass(kind).total;
    alone += own;
    clock.compute(own, busy(units_[i]->pass(kind)));
    if (!scatter_units) continue;
    if (i > 0 && hides_ > 0) clock.wait(scattering, last_reduce);
    scattering = clock.issue(times.reduce);
    last_reduce = times.reduce;
    if (hides_ == 0) clock.wait(scattering, last_reduce);
  }
  if (scatter_units && hides_ > 0 && !units_.empty()) clock.wait(scattering, last_reduce);
  return clock.now - alone;
}

Seconds DataParallel::offload_delay(PassKind kind) {
  const Link& host = node_of(context_.scenario.given.cluster).host;
  const auto copy = [&](const BlockPrice* unit) { return whole_ticks(unit->saved / host.bandwidth + host.latency); };
  if (!gathers(kind)) return Seconds{0};
  ExchangeClock clock(1, 0, storage_);
  Seconds alone{0};
  std::size_t copying = 0;
  for (std::size_t i = 0; i < units_.size(); ++i) {
    const Seconds own = units_[i]->pass(kind).total;
    alone += own;
    if (kind == PassKind::forward) {
      clock.compute(own);
      if (i > 0) clock.wait(copying, Seconds{0});
      copying = clock.issue(copy(units_[i]));
    } else {
      if (i == 0) copying = clock.issue(copy(units_[i]));
      clock.wait(copying, Seconds{0});
      if (i + 1 < units_.size()) copying = clock.issue(copy(units_[i + 1]));
      clock.compute(own);
    }
  }
  if (kind == PassKind::forward && !units_.empty()) clock.wait(copying, Seconds{0});
  return clock.now - alone;
}

// Runs `n` times: computation of `work`, then an exchange of which `hides` may run beside what follows. Only the backlog of the lane changes from one to the next, and
// it soon no longer does.
void DataParallel::Backlog::repeat(Seconds work, double busy, Seconds hides, int n) {
  const double slows = busy * contention;
  for (int i = 0; i < n; ++i) {
    const Seconds beside = min(work, lane), before = lane;
    now += work + slows * beside;
    lane = max(Seconds{0}, lane - work) + hides;
    const bool grows = before >= work;  // all of the computation is slowed, now and from here on if the exchange is longer than it
    if (lane == before || (grows && hides >= work)) {
      const double rest = n - 1 - i;
      now += rest * (work + slows * beside);
      if (grows) lane += rest * (hides - work);
      return;
    }
  }
}

// Whether every unit of the chunk is a bucket of its own.
bool DataParallel::unit_by_unit(int chunk) const {
  const double size = context_.scenario.given.stack.bucket;
  if (plan_.zero >= 2 || size == 0) return true;
  std::array<double, 2> all{}, least{1e300, 1e300};
  layout_.each_run(prices_, chunk, [&](const BlockPrice& price, int n) {
    const std::array parameters{static_cast<double>(price.parameters), static_cast<double>(price.expert_parameters)};
    for (std::size_t k = 0; k < 2; ++k) {
      all[k] += n * parameters[k];
      if (parameters[k] > 0) least[k] = std::min(least[k], parameters[k]);
    }
  });
  for (std::size_t k = 0; k < 2; ++k) {
    if (all[k] == 0) continue;
    const double replicas = groups_[k].size * groups_[k].replicas;
    if (least[k] < all[k] / std::max(1.0, std::round(all[k] / std::max(size, 1e6 * replicas)))) return false;
  }
  return true;
}

// visit(work, busy, parameters, expert parameters, n): the buckets of a chunk in the order of backward, or of forward, with the computation before
// each of them in backward, or behind it in forward; n equal ones at a time.
template <class Visit>
void DataParallel::each_bucket(int chunk, PassKind kind, Visit visit) {
  if (unit_by_unit(chunk)) {
    const auto run = [&](const BlockPrice& price, int n) {
      const PassPrice& pass = price.pass(kind);
      visit(pass.total, busy(pass), price.parameters, price.expert_parameters, n);
    };
    return kind == PassKind::forward ? layout_.each_run(prices_, chunk, run) : layout_.each_run_back(prices_, chunk, run);
  }
  units_of(chunk);
  cut(0), cut(1);
  const int last = static_cast<int>(units_.size()) - 1;
  for (int i = 0; i <= last; ++i) {
    const int u = kind == PassKind::forward ? i : last - i;
    std::array<std::int64_t, 2> elements{};
    for (std::size_t k = 0; k < 2; ++k) {
      for (const Bucket& bucket : buckets_[k]) elements[k] += bucket.first_unit == u ? bucket.elements : 0;
    }
    const PassPrice& pass = units_[static_cast<std::size_t>(u)]->pass(kind);
    visit(pass.total, busy(pass), elements[0], elements[1], 1);
  }
}

// Notes of n equal exchanges.
template <class Exchange>
Seconds DataParallel::times(double n, Exchange exchange) {
  copies_ = n;
  const Seconds t = exchange();
  copies_ = 1;
  return t;
}

// Parameters that are gathered once a step.
void DataParallel::gather_before(int stage, Seconds arrival, ReplicaExchange& e) {
  const int locals = chunks_per_stage(plan_);
  const double turn = std::min<double>(plan_.pp, micro_batches_);
  Seconds lane{0}, alone = arrival;  // lane: when what was issued so far is done
  Seconds now{0};
  for (int local = 0; local < locals; ++local) {
    const int chunk = chunk_on(plan_, stage, local);
    Seconds sum{0}, own{0};
    const bool waits_in_turn = hides_ > 0 && chunk == 0;
    each_bucket(chunk, PassKind::forward, [&](Seconds work, double, std::int64_t dense, std::int64_t expert, int n) {
      const Seconds t = times(n, [&] { return gather(dense, 0) + gather(expert, 1); });
      if (waits_in_turn) {  // every unit waits for its own
        for (int i = 0; i < n; ++i) {
          lane += hides_ * t;
          now = max(now, lane) + (1 - hides_) * t;
          now += work;
        }
        alone += static_cast<double>(n) * work;
      }
      sum += static_cast<double>(n) * t;
      own += static_cast<double>(n) * work;
    });
    if (hides_ == 0) {
      e.before += sum;
      continue;
    }
    if (!waits_in_turn) {  // who waits for a message anyway waits for all of them before it
      lane += hides_ * sum;
      now = max(now, lane) + (1 - hides_) * sum;
      if (local == 0) now = max(now, arrival);
      now += own;
      alone += own;
    }
    if (local + 1 < locals) now += (turn - 1) * own, alone += (turn - 1) * own;
  }
  if (hides_ > 0) e.late = max(Seconds{0}, now - alone);
}

// Gradients that are reduced once a step: beside the last backward, or after it.
void DataParallel::reduce_after(int stage, ReplicaExchange& e) {
  const int locals = chunks_per_stage(plan_);
  const double turn = std::min<double>(plan_.pp, micro_batches_);
  const PassKind back = splits_backward(plan_) ? PassKind::weight_gradient : PassKind::backward;
  Seconds alone{0}, stops{0};
  Backlog clock{contention_};
  for (int local = locals - 1; local >= 0; --local) {
    const int chunk = chunk_on(plan_, stage, local);
    if (local < locals - 1) {
      Seconds pass{0};
      layout_.each(prices_, chunk, [&](const BlockPrice& price, int n) { pass += static_cast<double>(n) * price.pass(back).total; });
      clock.repeat((turn - 1) * pass, 1, Seconds{0}, 1);
      alone += (turn - 1) * pass;
    }
    each_bucket(chunk, back, [&](Seconds work, double share, std::int64_t dense, std::int64_t expert, int n) {
      const Seconds t = times(n, [&] { return reduce(dense, 0) + reduce(expert, 1); });
      clock.repeat(work, share, hides_ * t, n);
      alone += static_cast<double>(n) * work;
      stops += static_cast<double>(n) * (1 - hides_) * t;
    });
  }
  e.after = clock.now + clock.lane + stops - alone;
}

// What happens inside the passes, counted for a whole step.
void DataParallel::count_sharding(int stage) {
  const double runs = plan_.schedule == ScheduleKind::dualpipe && plan_.pp > 1 ? micro_batches_ / 2 : micro_batches_;
  const int gathers_of_pass = plan_.zero == 3 ? 2 : 0;
  for (int local = 0; local < chunks_per_stage(plan_); ++local) {
    layout_.each_run(prices_, chunk_on(plan_, stage, local), [&](const BlockPrice& price, int n) {
      times(n * runs, [&] {
        for (int i = 0; i < gathers_of_pass; ++i) static_cast<void>(gather(price.parameters, 0)), static_cast<void>(gather(price.expert_parameters, 1));
        return reduce(price.parameters, 0) + reduce(price.expert_parameters, 1);
      });
    });
  }
}

// Stages of equal chunks say the same to their replicas; only when they can start differs.
bool DataParallel::like_the_last(int stage) const {
  if (stage < 2) return false;
  for (int local = 0; local < chunks_per_stage(plan_); ++local) {
    if (!layout_.alike(chunk_on(plan_, stage, local), chunk_on(plan_, stage - 1, local))) return false;
  }
  return true;
}

ReplicaExchange DataParallel::exchange(int stage, Seconds arrival) {
  if (groups_[0].size * groups_[0].replicas == 1 && groups_[1].size * groups_[1].replicas == 1) return {};
  if (like_the_last(stage) && last_.late == Seconds{0}) return last_;  // this one can start later still
  ReplicaExchange e;
  notes_ = &e;
  if (plan_.zero == 1 || plan_.zero == 2) gather_before(stage, arrival, e);
  if (plan_.zero < 2) {
    reduce_after(stage, e);
  } else {
    count_sharding(stage);
  }
  notes_ = nullptr;
  return last_ = e;
}

Seconds optimizer_time(const ClosedFormContext& context, const Plan& plan, std::int64_t dense, std::int64_t expert) {
  const Scenario& given = context.scenario.given;
  const std::int64_t own = shard_sizes(dense, plan.zero > 0 ? dense_shards(plan) : 1).largest + shard_sizes(expert, plan.zero > 0 ? expert_shards(plan) : 1).largest;
  if (own == 0) return Seconds{0};
  if (!plan.offload.optimizer) {
    const Seconds device = context.scenario.kernels->time(Streaming{StreamingKind::optimizer, optimizer_bytes(given, static_cast<double>(own))}).median;
    return whole_ticks(max(device, given.stack.host_per_kernel));  // one launch
  }
  const Node& node = node_of(given.cluster);
  const auto copy = [&](Bytes bytes) { return whole_ticks(static_cast<double>(own) * bytes / node.host.bandwidth + node.host.latency); };
  return copy(context.state.gradient) + whole_ticks(Seconds{static_cast<double>(own) * node.devices / given.stack.host_update_rate}) + copy(context.state.parameter);
}

}  // namespace forerun
