#include "strategies/closed_form/data_parallel.hpp"

#include <algorithm>
#include <cmath>

#include "costmodel/kernel_model.hpp"
#include "sim/tick.hpp"
#include "strategies/programs/held_memory.hpp"
#include "strategies/programs/steps/stage_program.hpp"
#include "strategies/programs/work_price.hpp"

namespace forerun {

DataParallel::DataParallel(const ClosedFormContext& context, const SplitPrices& prices, const StageLayout& layout,
                           const Plan& plan, std::int64_t micro_batches, ReplicaPrices& replicas,
                           ReplicaScratch& scratch)
    : context_(context),
      prices_(prices),
      layout_(layout),
      plan_(plan),
      micro_batches_(static_cast<double>(micro_batches)),
      hides_(data_parallel_overlap(context.scenario.given.stack, plan)),
      contention_(context.scenario.given.stack.contention),
      exchanges_(plan, hides_),
      reduce_hides_(exchanges_.reduces_in_last_pass() ? hides_ : 0),
      back_(splits_backward(plan) ? PassKind::weight_gradient : PassKind::backward),
      replicas_(replicas),
      scratch_(scratch) {
  scratch_.runs.clear(), scratch_.chunks.clear();
  scratch_.after.assign(layout.stage_kinds().size(), std::nullopt);
  if (replicas_.any()) {
    for (const StageLayout::ChunkKind& kind : layout.chunk_kinds()) cut(kind);
  }
}

// What it holds.
ReplicaElements DataParallel::elements_of(const BlockPrice& price) const {
  const std::int64_t apart = table_apart(plan_) ? price.table : 0;
  return {price.parameters - apart, price.expert_parameters, apart};
}

// Whether every unit of the chunk is a bucket of its own.
bool DataParallel::unit_by_unit(const StageLayout::ChunkKind& chunk) const {
  const double size = context_.scenario.given.stack.bucket;
  if (zero_in_step(plan_) >= 2 || size == 0) return true;
  std::array<double, 2> all{}, least{1e300, 1e300};
  each_run(chunk.runs, prices_, [&](const BlockPrice& price, int n) {
    const ReplicaElements elements = elements_of(price);
    const std::array parameters{static_cast<double>(elements.dense), static_cast<double>(elements.expert)};
    for (std::size_t k = 0; k < 2; ++k) {
      all[k] += n * parameters[k];
      if (parameters[k] > 0) least[k] = std::min(least[k], parameters[k]);
    }
  });
  for (std::size_t k = 0; k < 2; ++k) {
    if (all[k] == 0) continue;
    if (least[k] < all[k] / std::max(1.0, std::round(all[k] / std::max(size, 1e6 * replicas_.copies(k))))) return false;
  }
  return true;
}

void DataParallel::add(const BlockPrice& unit, const ReplicaElements& elements, int n) {
  ChunkBuckets& chunk = scratch_.chunks.back();
  BucketRun run{.unit = &unit, .elements = elements, .n = n, .gather = {}, .reduce = {}};
  const double times = n;
  if (exchanges_.gathers()) run.gather = replicas_.gather(elements);
  if (exchanges_.reduces()) run.reduce = replicas_.reduce(elements);
  chunk.forward += times * unit.forward.total, chunk.backward += times * unit.pass(back_).total;
  chunk.gather += times * run.gather, chunk.reduce += times * run.reduce;
  ++chunk.count;
  scratch_.runs.push_back(run);
}

void DataParallel::cut(const StageLayout::ChunkKind& kind) {
  scratch_.chunks.push_back(
      {.first = scratch_.runs.size(), .count = 0, .forward = {}, .backward = {}, .gather = {}, .reduce = {}});
  if (!unit_by_unit(kind)) return cut_in_buckets(kind);
  each_run_back(kind.runs, prices_, [&](const BlockPrice& price, int n) { add(price, elements_of(price), n); });
}

void DataParallel::cut_in_buckets(const StageLayout::ChunkKind& chunk) {
  std::vector<const BlockPrice*>& units = scratch_.units;
  std::vector<std::int64_t>& parameters = scratch_.parameters;
  std::vector<ReplicaElements>& elements = scratch_.elements;
  units.clear();
  each_run(chunk.runs, prices_,
           [&](const BlockPrice& price, int n) { units.insert(units.end(), static_cast<std::size_t>(n), &price); });
  elements.assign(units.size(), {});
  for (std::size_t u = 0; u < units.size(); ++u) elements[u].table = elements_of(*units[u]).table;
  for (const auto part : {&ReplicaElements::dense, &ReplicaElements::expert}) {
    const std::size_t experts = part == &ReplicaElements::expert ? 1 : 0;
    if (replicas_.copies(experts) == 1) continue;
    parameters.clear();
    for (const BlockPrice* unit : units) parameters.push_back(elements_of(*unit).*part);
    cut_buckets(parameters, context_.scenario.given.stack.bucket, replicas_.copies(experts), scratch_.buckets);
    for (const Bucket& bucket : scratch_.buckets)
      elements[static_cast<std::size_t>(bucket.first_unit)].*part += bucket.elements;
  }
  for (std::size_t i = units.size(); i > 0;) {
    const std::size_t last = i--;
    while (i > 0 && units[i - 1] == units[last - 1] && elements[i - 1] == elements[last - 1]) --i;
    add(*units[last - 1], elements[last - 1], static_cast<int>(last - i));
  }
}

// Runs `n` times: computation of `work`, then an exchange of which `hides` may run beside what follows. Only the
// backlog of the lane changes from one to the next, and it soon no longer does.
void DataParallel::Backlog::repeat(Seconds work, double busy, Seconds hides, int n) {
  const double slows = busy * contention;
  for (int i = 0; i < n; ++i) {
    const Seconds beside = min(work, lane), before = lane;
    now += work + slows * beside;
    lane = max(Seconds{0}, lane - work) + hides;
    const bool grows =
        before >= work;  // all of the computation is slowed, now and from here on if the exchange is longer than it
    if (lane == before || (grows && hides >= work)) {
      const double rest = n - 1 - i;
      now += rest * (work + slows * beside);
      if (grows) lane += rest * (hides - work);
      return;
    }
  }
}

// Runs `n` times: an exchange of which `hides` is done beside what was before it, and what waits for that and then
// `takes` its time. One of both soon keeps the other waiting every time.
void DataParallel::Queue::repeat(Seconds hides, Seconds takes, int n) {
  for (int i = 0; i < n; ++i) {
    const double rest = n - i;
    lane += hides;
    if (now >= lane && takes >= hides) {
      now += rest * takes, lane += (rest - 1) * hides;
      return;
    }
    if (now <= lane && takes <= hides) {
      lane += (rest - 1) * hides, now = lane + takes;
      return;
    }
    now = max(now, lane) + takes;
  }
}

// The first forwards of a stage's chunks, each behind the parameters that were gathered for it. A chunk runs `turn`
// micro-batches before the next one begins, the last chunk one.
struct DataParallel::FirstForwards {
  const DataParallel& of;
  std::span<const int> own;  // kinds of the stage's chunks
  Seconds arrival;
  double turn;
  Queue queue = {};
  Seconds alone = arrival;  // without gathers
  std::size_t local = 0;

  [[nodiscard]] double passes() const { return local + 1 == own.size() ? 1 : turn; }

  void wait_unit_by_unit(const ChunkBuckets& chunk) {
    const std::span<const BucketRun> runs = of.runs_of(chunk);
    for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
      const Seconds work = run->unit->forward.total;
      queue.repeat(of.hides_ * run->gather, (1 - of.hides_) * run->gather + work, run->n);
      alone += static_cast<double>(run->n) * work;
    }
    queue.now += (passes() - 1) * chunk.forward, alone += (passes() - 1) * chunk.forward;
    ++local;
  }

  // Equal chunks at once.
  void wait_for_all(const ChunkBuckets& chunk) {
    std::size_t end = local + 1;
    if (local > 0) {
      while (end + 1 < own.size() && own[end] == own[local]) ++end;
    }
    const double n = static_cast<double>(end - local), all = passes();
    const Seconds hides = of.hides_ * chunk.gather, stops = (1 - of.hides_) * chunk.gather;
    if (local == 0) {
      queue.repeat(hides, stops, 1);
      queue.now = max(queue.now, arrival) + all * chunk.forward;
    } else {
      queue.repeat(hides, stops + all * chunk.forward, static_cast<int>(n));
    }
    alone += n * all * chunk.forward;
    local = end;
  }
};

// Parameters that are gathered once a step: by how much the first forward is late.
Seconds DataParallel::gather_before(int stage, Seconds arrival) const {
  FirstForwards first{.of = *this,
                      .own = layout_.kinds_on(stage),
                      .arrival = arrival,
                      .turn = std::min<double>(plan_.pp, micro_batches_)};
  while (first.local < first.own.size()) {
    const int kind = first.own[first.local];
    const bool receives = kind != 0;  // all but the first chunk of the model
    exchanges_.first_forward(scratch_.chunks[static_cast<std::size_t>(kind)], receives, first);
  }
  return max(Seconds{0}, first.queue.now - first.alone);
}

// Gradients that are reduced once a step: beside the last backward, or after it.
Seconds DataParallel::reduce_after(int stage) const {
  const std::span<const int> own = layout_.kinds_on(stage);
  const double turn = std::min<double>(plan_.pp, micro_batches_);
  Seconds alone{0}, stops{0};
  Backlog clock{contention_};
  for (std::size_t local = own.size(); local-- > 0;) {
    const ChunkBuckets& chunk = scratch_.chunks[static_cast<std::size_t>(own[local])];
    const Seconds start = clock.now, backlog = clock.lane;
    const bool last = local + 1 == own.size();
    if (!last) clock.repeat((turn - 1) * chunk.backward, 1, Seconds{0}, 1);
    for (const BucketRun& run : runs_of(chunk)) {
      const PassPrice& pass = run.unit->pass(back_);
      clock.repeat(pass.total, pass.busy(), reduce_hides_ * run.reduce, run.n);
    }
    double n = 1;
    if (!last && clock.lane == backlog) {  // equal chunks before it find what it found
      while (local > 0 && own[local - 1] == own[local]) --local, ++n;
      clock.now += (n - 1) * (clock.now - start);
    }
    alone += n * (last ? 1 : turn) * chunk.backward;
    stops += n * (1 - reduce_hides_) * chunk.reduce;
  }
  return clock.now + clock.lane + stops - alone;
}

struct DataParallel::GathersAtStart {
  const DataParallel& of;
  Seconds& before;

  void gather(int kind) const { before += of.scratch_.chunks[static_cast<std::size_t>(kind)].gather; }
  void issue_gathers(int) const {}  // who waits for them is in gather_before
};

ReplicaExchange DataParallel::exchange(int stage, Seconds arrival) {
  ReplicaExchange e;
  if (!replicas_.any()) return e;
  exchanges_.before_passes(layout_.kinds_on(stage), GathersAtStart{*this, e.before});
  if (exchanges_.gathers() && exchanges_.beside()) e.late = gather_before(stage, arrival);
  if (!exchanges_.reduces()) return e;
  std::optional<Seconds>& after = scratch_.after[layout_.kind_of_stage(stage)];
  if (!after) after = reduce_after(stage);
  e.after = *after;
  return e;
}

ReplicaVolume DataParallel::volume(const StageLayout::StageKind& stage) {
  ReplicaVolume volume;
  if (!replicas_.any()) return volume;
  const double runs = runs_both_ways(plan_) ? micro_batches_ / 2 : micro_batches_;
  for (std::size_t kind = 0; kind < stage.copies.size(); ++kind) {
    const double copies = stage.copies[kind];
    if (copies == 0) continue;
    for (const BucketRun& run : runs_of(scratch_.chunks[kind])) {
      const double n = copies * run.n;
      if (exchanges_.gathers()) replicas_.count_gather(run.elements, n, volume);
      if (zero_in_step(plan_) == 3)
        replicas_.count_gather(gathered_of(*run.unit), (run.unit->runs_backward ? 2 : 1) * n * runs,
                               volume);  // in forward and in backward
      exchanges_.reduces() ? replicas_.count_reduce(run.elements, n, volume)
                           : replicas_.count_reduce(scattered_of(*run.unit), n * runs, volume);
    }
  }
  return volume;
}

UpdateTime update_time(const ClosedFormContext& context, const Plan& plan, std::int64_t dense, std::int64_t expert) {
  const Scenario& given = context.scenario.given;
  const auto whole_ticks = [](Seconds time) { return to_seconds(to_ticks(time)); };
  const std::int64_t own = updated_parameters(plan, dense, expert);
  if (own == 0) return {};
  if (!plan.offload.optimizer) {
    const Bytes moved = optimizer_bytes(given.stack, context.state, static_cast<double>(own));
    return {whole_ticks(max(context.scenario.kernels->time(Streaming{StreamingKind::optimizer, moved}).median,
                            given.stack.host_per_kernel)),  // one launch
            Seconds{0}};
  }
  const auto copy = [&](Bytes element) {
    return whole_ticks(host_copy_time(given, static_cast<double>(own) * element));
  };
  return {whole_ticks(host_update_time(given, own)), copy(context.state.gradient) + copy(context.state.parameter)};
}

}  // namespace forerun
