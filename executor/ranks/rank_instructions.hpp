// RankExecutor: what instructions have in common.
#pragma once

#include "executor/ranks/measured_trace.hpp"
#include "executor/ranks/rank_executor.hpp"

#include <algorithm>
#include <stdexcept>

#include "executor/ranks/corpus.hpp"
#include "runtime/cpu/rotary.hpp"
#include "strategies/plan/chunks.hpp"
#include "strategies/plan/rank_grid.hpp"
#include "strategies/programs/describe_work.hpp"
#include "strategies/programs/steps/roles.hpp"
#include "strategies/programs/work_price.hpp"

namespace forerun {

inline std::int64_t whole(Bytes bytes) { return static_cast<std::int64_t>(bytes.value()); }

template <class T>
RankExecutor<T>::RankExecutor(const PricedScenario& scenario, const Program& program, const RankPlace& place,
                              const RunOptions& options)
    : world_(place.world),
      tensors_talk_(place.tensors),
      backend_(place.backend),
      on_(place.backend.operators<T>()),
      scenario_(scenario),
      program_(program),
      plan_(program.plan),
      options_(options),
      rank_(world_.rank()),
      tp_rank_(rank_ % plan_.tp),
      cp_rank_(rank_ / plan_.tp % plan_.cp),
      dp_rank_(rank_ / (plan_.tp * plan_.cp) % plan_.dp),
      pp_rank_(rank_ / (plan_.tp * plan_.cp * plan_.dp)),
      stage_(program_of(program, rank_)),
      memory_(backend_),
      uncounted_(backend_),
      weights_(scenario, program, rank_, memory_, backend_) {
  weights_.set_first_values(options.seed);
  buffers_ =
      memory_.allocate("buffers of sends", whole(stage_.held.communication), tag_of(&StageMemory::communication));
  workspace_ = memory_.allocate("workspace", whole(stage_.held.workspace), tag_of(&StageMemory::workspace));
  tensors_.resize(static_cast<std::size_t>(program.micro_batches));
  for (Tensors& list : tensors_) list.resize(stage_.tensors.size());
  make_groups();
  const int head_dim = scenario.given.model.blocks.front().attention()->head_dim;
  const std::vector<std::int32_t> positions = positions_of(cp_rank_);
  rotary_ = scratch<A>(std::ssize(positions) * head_dim);
  std::vector<A> table(rotary_.size());
  fill_rotary_table<A>(10000, head_dim, positions, table);
  put<A>(backend_, table, rotary_);
  scratch_base_ = scratch_kept_ = scratch_used_;
  report_.rank = rank_, report_.stage = pp_rank_;
}

template <class T>
RankExecutor<T>::~RankExecutor() = default;

template <class T>
void RankExecutor<T>::step(bool update) {
  const bool last = step_ + 1 == options_.steps;
  report_.traffic = {}, report_.exposed = {}, report_.computation = report_.bubble = Seconds{0};
  report_.expert_rows = report_.expert_rows_promised = 0;
  memory_.forget(), uncounted_.forget();
  records_ = options_.record && last;
  updates_ = update;
  for (auto& [key, one] : neighbours_) one.sent.reset();  // marks are of one step
  origin_ = backend_.start_clock();
  for (const Call& call : stage_.calls) perform(stage_.bodies[call.body], call);
  backend_.finish();
  report_.steps.push_back(Clock::now() - origin_);
  report_.losses.push_back(on_.take_losses());
  settle();
  if (records_) record();
  const std::vector<std::int64_t> peak = memory_.peak_by_tag();
  report_.peak = {};
  std::copy_n(peak.begin(), std::min(peak.size(), memory_categories.size()), report_.peak.begin());
  ++step_;
  routed_.clear();
}

template <class T>
RankReport RankExecutor<T>::report() const {
  return report_;
}

template <class T>
std::string RankExecutor<T>::where() const {
  const std::string stage = "stage " + std::to_string(pp_rank_);
  if (body_ == nullptr || instruction_ == nullptr) return stage;
  const std::string what = instruction_->code == Code::run    ? describe(stage_.works[instruction_->work])
                           : instruction_->code == Code::wait ? "wait"
                                                              : "receive";
  if (!body_->chunk) return stage + ", " + what;
  return stage + ", chunk " + std::to_string(*body_->chunk) + ", micro-batch " + std::to_string(micro_batch_) +
         ", layer " + std::to_string(layer_of(stage_, *instruction_)) + ": " + what;
}

template <class T>
void RankExecutor<T>::perform(const Body& body, const Call& call) {
  body_ = &body;
  micro_batch_ = call.micro_batch;
  for (const Instruction& in : body.instructions) perform(in);
  instruction_ = nullptr;
}

template <class T>
void RankExecutor<T>::perform(const Instruction& in) {
  instruction_ = &in;
  unit_ = in.unit, reads_ = in.reads, writes_ = in.writes;
  operands_ = body_->operands.data() + in.first_operand;
  const TensorId* touches = body_->touches.data() + in.first_touch;
  if (records_) memory_.move_to(now());
  for (std::size_t i = 0; i < in.allocates; ++i) allocate(touches[i]);
  switch (in.code) {
    case Code::run:
      run(in);
      break;
    case Code::wait:
      wait(in.token);
      break;
    case Code::receive:
      receive();
      break;
  }
  if (records_) memory_.move_to(now());
  for (std::size_t i = in.allocates; i < std::size_t{in.allocates} + in.releases; ++i) release(touches[i]);
  scratch_used_ = scratch_kept_;
}

template <class T>
void RankExecutor<T>::run(const Instruction& in) {
  const Work& work = stage_.works[in.work];
  if (const Communication* c = std::get_if<Communication>(&work)) return communicate(in, *c);
  if (const Computation* c = std::get_if<Computation>(&work)) {
    return timed(Lane::compute, false, {&report_.computation}, [&] { compute(*c); });
  }
  if (std::holds_alternative<FrameworkFloor>(work)) return;
  throw std::logic_error("copies to the host are not executed");
}

template <class T>
typename RankExecutor<T>::Timed RankExecutor<T>::timed_from_here(Lane lane, bool stops, Category category) {
  return {.category = category,
          .begin = backend_.mark(),
          .end = {},
          .name = records_ ? &name_of_instruction() : nullptr,
          .track = track_of(lane, stops),
          .kind = stops                   ? "waited for"
                  : lane == Lane::compute ? "compute"
                                          : "communication"};
}

template <class T>
template <class F>
void RankExecutor<T>::timed(Lane lane, bool stops, Category category, F&& work) {
  Timed one = timed_from_here(lane, stops, category);
  work();
  one.end = backend_.mark();
  timed_.push_back(one);
}

template <class T>
template <class F>
std::shared_ptr<typename RankExecutor<T>::Timed> RankExecutor<T>::beside(int lane, Lane drawn, F&& work) {
  const Mark ready = backend_.mark();
  backend_.use_lane(lane);
  backend_.follow(ready);
  auto one = std::make_shared<Timed>(timed_from_here(drawn, false, {}));
  work();
  one->end = backend_.mark();
  backend_.use_lane(0);
  return one;
}

template <class T>
void RankExecutor<T>::settle() {
  for (const Timed& one : timed_) {
    const auto begin = backend_.reached(one.begin), end = backend_.reached(one.end);
    const Seconds time{std::chrono::duration<double>(end - begin).count()};
    if (one.category.in != nullptr) *one.category.in += time;
    if (one.category.not_in != nullptr) *one.category.not_in -= time;
    if (one.name != nullptr) report_.intervals.push_back({*one.name, one.kind, one.track, begin, end});
  }
  timed_.clear();
}

// Each rank began when it began; all are drawn from where the first of them did. They are threads of one process, which
// share a clock.
template <class T>
void RankExecutor<T>::record() {
  std::int64_t began = origin_.time_since_epoch().count();
  std::vector<std::int64_t> all(static_cast<std::size_t>(world_.size()));
  world_.all_gather(Elements(std::as_writable_bytes(std::span(&began, 1))),
                    Elements(std::as_writable_bytes(std::span(all))));
  const std::chrono::nanoseconds after(began - *std::ranges::min_element(all));
  for (Interval& one : report_.intervals) one.begin += after, one.end += after;
  std::ranges::stable_sort(report_.intervals, {}, &Interval::begin);
  report_.memory = memory_.changes();
  for (Allocator::Change& one : report_.memory) one.position += static_cast<std::uint64_t>(after.count());
  report_.names = names_;
}

template <class T>
const std::string& RankExecutor<T>::name_of_instruction() {
  const auto [found, fresh] = names_->try_emplace(instruction_);
  if (fresh) found->second = instruction_->code == Code::run ? describe(stage_.works[instruction_->work]) : "message";
  return found->second;
}

template <class T>
void RankExecutor<T>::wait(TokenId token) {
  const auto found = issued_.find(token);
  if (found == issued_.end()) return;  // done at its issue
  const Issued issued = found->second;
  issued_.erase(found);
  timed(Lane::dp, true, {issued.stops},
        [&] { issued.number > 0 ? replicas_talk_->wait(issued.number) : backend_.follow(issued.work->end); });
  if (records_) timed_.push_back(*issued.work);
}

template <class T>
void RankExecutor<T>::allocate(TensorId id) {
  const Tensor& tensor = stage_.tensors[id];
  std::int64_t bytes = whole(tensor.bytes);
  if (const std::optional<Rows> rows = rows_written();
      rows && std::find(operands_ + reads_, operands_ + reads_ + writes_, id) != operands_ + reads_ + writes_) {
    if (rows->promised > 0) bytes = bytes / rows->promised * rows->number;
  }
  memory_of(id) = memory_.allocate(tensor.name, bytes, tag_of(tensor.kind));
  if (plan_.zero == 3) take_alone(id);
  const auto is = [id](const Unit& unit) { return unit.gradients == id || unit.early == id; };
  if (plan_.zero >= 2 && std::ranges::any_of(stage_.units, is)) clear(backend_, memory_of(id).template as<A>());
}

template <class T>
void RankExecutor<T>::release(TensorId id) {
  if (plan_.zero >= 2) keep_alone(id);
  memory_of(id) = Allocation();
}

// Weights of a unit that no other rank shares: nothing is gathered before they are used.
template <class T>
void RankExecutor<T>::take_alone(TensorId id) {
  const auto found = std::ranges::find(stage_.units, std::optional(id), &Unit::gathered);
  if (found == stage_.units.end()) return;
  const auto unit = static_cast<std::size_t>(found - stage_.units.begin());
  const bool grouped = plan_.sharding_group != 0;
  for (const Share share : all_shares) {
    const GroupKind kind = share == Share::experts ? (grouped ? GroupKind::expert_shard : GroupKind::expert_dp)
                           : grouped               ? GroupKind::shard
                                                   : GroupKind::dp;
    const std::span<T> whole = part<T>(id, unit, share);
    if (whole.empty() || RankGrid(plan_).size(kind) > 1) continue;
    const auto from = static_cast<int>(holder(unit, share));
    copy<T>(backend_, weights_.own_parameters(weights_.piece(from, from, share)), whole);
  }
}

// Gradients of a unit's experts that no other rank has copies of: nothing is exchanged before they are kept.
template <class T>
void RankExecutor<T>::keep_alone(TensorId id) {
  const auto found = std::ranges::find(stage_.units, std::optional(id), &Unit::gradients);
  if (found == stage_.units.end() || found->expert_parameters == 0 || RankGrid(plan_).size(GroupKind::expert_dp) > 1)
    return;
  const auto unit = static_cast<std::size_t>(found - stage_.units.begin());
  const std::span<A> kept =
      weights_.own_gradients(weights_.piece(static_cast<int>(unit), static_cast<int>(unit), Share::experts));
  on_.add_sums(kept, part<A>(id, unit, Share::experts), kept);
}

template <class T>
template <class U>
std::span<U> RankExecutor<T>::scratch(std::int64_t elements) {
  constexpr std::int64_t line = Allocator::alignment;
  const std::int64_t bytes = (elements * static_cast<std::int64_t>(sizeof(U)) + line - 1) / line * line;
  if (scratch_used_ + bytes > workspace_.bytes()) {
    throw std::runtime_error("the workspace of " + std::to_string(workspace_.bytes()) + " B is too small: " +
                             std::to_string(scratch_used_ + bytes) + " B are needed (memory: workspace of the stack)");
  }
  std::byte* at = workspace_.as<std::byte>().data() + scratch_used_;
  scratch_used_ += bytes;
  return {reinterpret_cast<U*>(at), static_cast<std::size_t>(elements)};
}

template <class T>
template <class U>
std::vector<U> RankExecutor<T>::on_host(std::span<const U> there) {
  std::vector<U> here(there.size());
  get<U>(backend_, there, here);
  return here;
}

// --- weights ---------------------------------------------------------------------------------------------------------

template <class T>
template <class U>
std::span<U> RankExecutor<T>::part(TensorId id, std::size_t unit, Share share) {
  const Unit& u = stage_.units[unit];
  const std::span<U> all = tensor<U>(id);
  if (share == Share::table && u.borrowed > 0) return all.last(static_cast<std::size_t>(u.borrowed));
  const Slice place = weights_.place(unit, share);
  return all.subspan(static_cast<std::size_t>(place.first), static_cast<std::size_t>(place.count));
}

template <class T>
template <class Visit>
void RankExecutor<T>::each_early(TensorId id, Visit visit) {
  const auto found = std::ranges::find(stage_.units, std::optional(id), &Unit::early);
  const std::span<A> all = tensor<A>(id);
  std::size_t at = 0;
  for (const Weight& w : weights_.weights(static_cast<std::size_t>(found - stage_.units.begin()))) {
    if (!w.of_norm()) continue;
    visit(w, all.subspan(at, static_cast<std::size_t>(w.count)));
    at += static_cast<std::size_t>(w.count);
  }
}

template <class T>
std::size_t RankExecutor<T>::holder(std::size_t unit, Share share) const {
  if (share != Share::table || stage_.units[unit].borrowed == 0) return unit;
  return static_cast<std::size_t>(std::ranges::find(stage_.units, UnitKind::embedding, &Unit::kind) -
                                  stage_.units.begin());
}

// A tied head is the table: a copy of its own, or the embedding's.
template <class T>
std::size_t RankExecutor<T>::unit_of(WeightKind kind) const {
  return kind == WeightKind::table ? holder(unit_, Share::table) : unit_;
}

template <class T>
const Weight* RankExecutor<T>::find(WeightKind kind, int local_expert) const {
  const std::vector<Weight>& list = weights_.weights(unit_of(kind));
  int expert = -1;
  for (const Weight& w : list) {
    if (w.kind != kind) continue;
    if (!w.of_experts() && local_expert < 0) return &w;
    if (w.of_experts() && ++expert == local_expert) return &w;
  }
  return nullptr;
}

template <class T>
std::span<const T> RankExecutor<T>::weight(WeightKind kind, int local_expert) {
  const Weight& w = *find(kind, local_expert);
  const std::optional<TensorId> gathered = stage_.units[unit_].gathered;
  if (gathered && borrows(kind)) return part<T>(*gathered, unit_, Share::table);
  const std::int64_t at = w.first + (w.of_experts() ? stage_.units[unit_].parameters : 0);
  if (gathered) return tensor<T>(*gathered).subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(w.count));
  return weights_.parameters(unit_of(kind), w.of_experts())
      .subspan(static_cast<std::size_t>(w.first), static_cast<std::size_t>(w.count));
}

template <class T>
std::span<Arithmetic<T>> RankExecutor<T>::gradient(WeightKind kind, int local_expert) {
  const Weight& w = *find(kind, local_expert);
  const std::optional<TensorId> apart = stage_.units[unit_].gradients, early = stage_.units[unit_].early;
  if (early && body_->kind == PassKind::input_gradient) {
    std::span<A> own;
    each_early(*early, [&](const Weight& norm, std::span<A> made) { own = &norm == &w ? made : own; });
    return own;
  }
  if (apart && borrows(kind)) return part<A>(*apart, unit_, Share::table);
  const std::int64_t at = w.first + (w.of_experts() ? stage_.units[unit_].parameters : 0);
  if (apart) return tensor<A>(*apart).subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(w.count));
  return weights_.gradients(unit_of(kind), w.of_experts())
      .subspan(static_cast<std::size_t>(w.first), static_cast<std::size_t>(w.count));
}

// --- data ------------------------------------------------------------------------------------------------------------

// Causal work is the same on all ranks when each has a piece from the front and its mirror image from the back
// (zig-zag); Ulysses makes it so itself.
template <class T>
std::vector<std::int32_t> RankExecutor<T>::positions_of(int cp_rank) const {
  const int length = scenario_.given.job.sequence, share = length / plan_.cp;
  std::vector<std::int32_t> list;
  const auto append = [&](int first, int n) {
    for (int i = 0; i < n; ++i) list.push_back(first + i);
  };
  if (plan_.cp == 1 || plan_.cp_kind == CpKind::ulysses) {
    append(cp_rank * share, share);
  } else {
    append(cp_rank * share / 2, share / 2);
    append(length - (cp_rank + 1) * share / 2, share / 2);
  }
  return list;
}

template <class T>
std::vector<std::int32_t> RankExecutor<T>::tokens_of(bool targets) const {
  const Job& job = scenario_.given.job;
  const std::vector<std::int32_t> positions = positions_of(cp_rank_);
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < plan_.micro_batch; ++i) {
    const std::int64_t sequence =
        std::int64_t{dp_rank_} * (job.global_batch / plan_.dp) + std::int64_t{micro_batch_} * plan_.micro_batch + i;
    const std::vector<std::int32_t> all =
        sequence_of(options_.seed, step_, sequence, job.sequence, scenario_.given.model.vocab);
    for (const std::int32_t position : positions)
      tokens.push_back(all[static_cast<std::size_t>(position) + (targets ? 1 : 0)]);
  }
  return tokens;
}

}  // namespace forerun
