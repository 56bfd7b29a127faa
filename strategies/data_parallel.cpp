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

const PassPrice& pass_of(const BlockPrice& price, PassKind kind) {
  switch (kind) {
    case PassKind::forward: return price.forward;
    case PassKind::backward: return price.backward;
    case PassKind::input_gradient: return price.input_gradient;
    case PassKind::weight_gradient: return price.weight_gradient;
  }
  return price.forward;
}

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
  notes_->communication += t.median;
  notes_->error[static_cast<std::size_t>(ErrorKind::communication)] += t.median * t.spread;
  notes_->traffic.add(flow, static_cast<std::int64_t>(elements), element, size);
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
  for (std::size_t i = 0; i < units_.size(); ++i) {
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
    const Seconds own = pass_of(*units_[i], kind).total;
    alone += own;
    clock.compute(own, busy(pass_of(*units_[i], kind)));
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
    const Seconds own = pass_of(*units_[i], kind).total;
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

ReplicaExchange DataParallel::exchange(int stage, Seconds arrival) {
  ReplicaExchange e;
  notes_ = &e;
  struct Piece {
    std::size_t number;
    Seconds time;
    int local, unit;
  };
  std::vector<Piece> pieces;
  const int locals = chunks_per_stage(plan_);
  const double turn = std::min<double>(plan_.pp, micro_batches_);
  const PassKind back = splits_backward(plan_) ? PassKind::weight_gradient : PassKind::backward;
  const auto passes = [&](PassKind kind) {
    Seconds sum{0};
    for (const BlockPrice* unit : units_) sum += pass_of(*unit, kind).total;
    return sum;
  };

  if (plan_.zero == 1 || plan_.zero == 2) {
    ExchangeClock clock(hides_, contention_, storage_);
    for (int local = 0; local < locals; ++local) {
      units_of(chunk_on(plan_, stage, local));
      for (const int experts : {0, 1}) {
        cut(experts);
        if (plan_.zero == 2) {  // unit by unit
          buckets_[experts].clear();
          for (int u = static_cast<int>(units_.size()) - 1; u >= 0; --u) buckets_[experts].push_back({u, u, parameters_[static_cast<std::size_t>(u)]});
        }
        for (auto bucket = buckets_[experts].rbegin(); bucket != buckets_[experts].rend(); ++bucket) {
          const Seconds t = gather(bucket->elements, experts);
          if (t > Seconds{0}) pieces.push_back({clock.issue(t), t, local, bucket->first_unit});
        }
      }
    }
    if (hides_ == 0) {
      for (const Piece& piece : pieces) clock.wait(piece.number, piece.time);
      e.before = clock.now;
    } else if (!pieces.empty()) {
      Seconds alone = arrival;
      for (int local = 0; local < locals; ++local) {
        const int chunk = chunk_on(plan_, stage, local);
        units_of(chunk);
        for (int u = 0; u < std::ssize(units_); ++u) {
          for (const Piece& piece : pieces) {  // who waits for a message anyway waits for all of them before it
            if (piece.local == local && (chunk > 0 ? u == 0 : piece.unit == u)) clock.wait(piece.number, piece.time);
          }
          if (local == 0 && u == 0) clock.now = max(clock.now, arrival);
          const Seconds own = units_[static_cast<std::size_t>(u)]->forward.total;
          clock.compute(own, busy(units_[static_cast<std::size_t>(u)]->forward));
          alone += own;
        }
        if (local + 1 < locals) clock.compute((turn - 1) * passes(PassKind::forward)), alone += (turn - 1) * passes(PassKind::forward);
      }
      e.late = clock.now - alone;
    }
  }

  if (plan_.zero < 2) {
    ExchangeClock clock(hides_, contention_, storage_);
    pieces.clear();
    Seconds alone{0};
    for (int local = locals - 1; local >= 0; --local) {
      units_of(chunk_on(plan_, stage, local));
      cut(0), cut(1);
      if (local < locals - 1) clock.compute((turn - 1) * passes(back)), alone += (turn - 1) * passes(back);
      for (int u = static_cast<int>(units_.size()) - 1; u >= 0; --u) {
        const Seconds own = pass_of(*units_[static_cast<std::size_t>(u)], back).total;
        clock.compute(own, busy(pass_of(*units_[static_cast<std::size_t>(u)], back)));
        alone += own;
        for (const int experts : {0, 1}) {
          for (const Bucket& bucket : buckets_[experts]) {
            if (bucket.first_unit != u) continue;
            const Seconds t = reduce(bucket.elements, experts);
            if (t > Seconds{0}) pieces.push_back({hides_ > 0 ? clock.issue(t) : 0, t, local, u});
          }
        }
      }
    }
    for (const Piece& piece : pieces) clock.wait(hides_ > 0 ? piece.number : clock.issue(piece.time), piece.time);
    e.after = clock.now - alone;
  } else {  // inside the passes: counted here
    for (int local = 0; local < locals; ++local) {
      units_of(chunk_on(plan_, stage, local));
      ReplicaExchange once;
      notes_ = &once;
      for (const BlockPrice* unit : units_) {
        if (plan_.zero == 3) static_cast<void>(gather(unit->parameters, 0)), static_cast<void>(gather(unit->expert_parameters, 1));
        if (plan_.zero == 3) static_cast<void>(gather(unit->parameters, 0)), static_cast<void>(gather(unit->expert_parameters, 1));
        static_cast<void>(reduce(unit->parameters, 0)), static_cast<void>(reduce(unit->expert_parameters, 1));
      }
      const double times = plan_.schedule == ScheduleKind::dualpipe && plan_.pp > 1 ? micro_batches_ / 2 : micro_batches_;
      e.communication += times * once.communication;
      for (std::size_t k = 0; k < error_kinds; ++k) e.error[k] += times * once.error[k];
      e.traffic.add(once.traffic, times);
    }
  }
  notes_ = nullptr;
  return e;
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
