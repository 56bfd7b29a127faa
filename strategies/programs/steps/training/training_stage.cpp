#include "strategies/programs/steps/training/training_stage.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "strategies/plan/chunks.hpp"

namespace forerun {
namespace {

bool makes_weight_gradients(PassKind kind) { return kind == PassKind::backward || kind == PassKind::weight_gradient; }

// In the order of the pass.
std::vector<std::size_t> units_in_turn(std::size_t n, PassKind kind) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (kind != PassKind::forward) std::reverse(order.begin(), order.end());
  return order;
}

}  // namespace

TrainingStage::TrainingStage(const TrainingPlan& of, int stage)
    : given_(of.given),
      plan_(of.plan),
      kinds_(of.kinds),
      programs_(of.programs),
      table_(of.table),
      emit_(stage, tokens_of_blocks(of.programs)),
      settle_(emit_.work(Computation{.part = Part::weight_gradient, .extent = SettledGradients{}})),
      messages_(given_, plan_, emit_),
      between_units_(emit_),
      replicas_(given_, plan_, emit_),
      exchanges_(plan_, replicas_.overlap()) {}

StageProgram TrainingStage::lower() {
  for (int local = 0; local < table_.chunks_per_stage; ++local) add_chunk(local);
  prologue();
  passes();
  epilogue();
  emit_.program().held = held_memory(given_, plan_, weights(), boundary_bytes(given_, split_of(plan_)));
  emit_.program().held_on_host = held_on_host(given_, replicas_.state(), plan_, weights());
  return emit_.take();
}

void TrainingStage::add_chunk(int local) {
  const int index = chunk_on(plan_, emit_.program().stage, local);
  const std::vector<ChunkUnit> units = units_of_chunk(plan_, kinds_, programs_, index);
  const TrainingChunk* before = chunks_.empty() ? nullptr : &chunks_.back();
  chunks_.push_back(make_training_chunk(given_, plan_, units, local, before, replicas_, emit_));
}

StageWeights TrainingStage::weights() const {
  StageWeights sum;
  for (const TrainingChunk& own : chunks_) {
    for (const PlacedUnit& unit : own.chunk.units) sum.add(*unit.program);
  }
  return sum;
}

// The first forward of a chunk and its last backward have bodies of their own where replicas exchange in them.
void TrainingStage::passes() {
  const auto list = table_.of(emit_.program().stage);
  std::map<int, std::size_t> first_forward, last_gradient;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].kind == PassKind::forward) first_forward.try_emplace(list[i].chunk, i);
    if (makes_weight_gradients(list[i].kind)) last_gradient[list[i].chunk] = i;
  }
  std::map<std::tuple<int, PassKind, bool>, std::uint32_t> known;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Pass& pass = list[i];
    const TrainingChunk& own = chunks_[static_cast<std::size_t>(pass.chunk)];
    const bool special = pass.kind == PassKind::forward ? first_forward[pass.chunk] == i && !gathers_.empty()
                                                        : makes_weight_gradients(pass.kind) &&
                                                              last_gradient[pass.chunk] == i && reduces_in_passes(own);
    auto found = known.find({pass.chunk, pass.kind, special});
    if (found == known.end())
      found = known.emplace(std::tuple(pass.chunk, pass.kind, special), pass_body(own, pass.kind, special)).first;
    emit_.call(found->second, pass.micro_batch);
  }
}

std::uint32_t TrainingStage::pass_body(const TrainingChunk& own, PassKind kind, bool special) {
  const std::uint32_t number = emit_.open({.chunk = own.chunk.local, .kind = kind});
  UnitEmission units(between_units_, settle_, own, kind, replicas_, emit_);
  kind == PassKind::forward ? forward(own, units, special) : backward(own, kind, units, special);
  return number;
}

struct TrainingStage::WaitsInFirstForward {
  TrainingStage& stage;
  UnitEmission& units;

  void wait_for_all(const TrainingChunk& own) const {
    for (const Gathering& one : stage.gathers_) {
      if (one.chunk == own.chunk.local) stage.emit_.wait(one.token);
    }
  }
  void wait_unit_by_unit(const TrainingChunk& own) const {
    units.before_unit = [&from = stage, local = own.chunk.local](std::size_t u) {
      for (const Gathering& one : from.gathers_) {
        if (one.chunk == local && one.unit == u) from.emit_.wait(one.token);
      }
    };
  }
};

void TrainingStage::forward(const TrainingChunk& own, UnitEmission& units, bool first) {
  const Chunk& chunk = own.chunk;
  if (first) exchanges_.first_forward(own, chunk.from.has_value(), WaitsInFirstForward{*this, units});
  messages_.receive(chunk.from, Lane::pp_forward, chunk.activations.input);
  unit_script(plan_, PassKind::forward, replicas_.overlap()).walk(units_in_turn(own.size(), PassKind::forward), units);
  messages_.send(chunk.to, Flow::pp_send_forward, chunk.activations.after(own.size() - 1));
}

void TrainingStage::backward(const TrainingChunk& own, PassKind kind, UnitEmission& units, bool last) {
  const Chunk& chunk = own.chunk;
  const bool makes_input_gradients = kind != PassKind::weight_gradient;
  if (last) units.behind_unit = [this, &own](std::size_t u) { reduce_completed(own, u); };
  if (makes_input_gradients) messages_.receive(chunk.to, Lane::pp_backward, chunk.gradients->after(own.size() - 1));
  unit_script(plan_, kind, replicas_.overlap()).walk(units_in_turn(own.size(), kind), units);
  if (makes_input_gradients) messages_.send(chunk.from, Flow::pp_send_backward, chunk.gradients->input);
}

bool TrainingStage::reduces_in_passes(const TrainingChunk& own) const {
  return exchanges_.reduces_in_last_pass() &&
         std::ranges::any_of(own.buckets, [](const auto& list) { return !list.empty(); });
}

// Buckets whose last gradients that unit made: backward comes to it last.
void TrainingStage::reduce_completed(const TrainingChunk& own, std::size_t u) {
  for (const Share share : all_shares) {
    for (const Bucket& bucket : own.buckets_of(share)) {
      if (bucket.first_unit == static_cast<int>(u))
        replicas_.reduce(own.piece(bucket, share), replicas_.reduce_tokens(), reductions_);
    }
  }
}

}  // namespace forerun
