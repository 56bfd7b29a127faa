#include "strategies/programs/steps/training/training_chunk.hpp"

#include <algorithm>

#include "strategies/plan/chunks.hpp"
#include "strategies/programs/held_memory.hpp"

namespace forerun {
namespace {

// Tensors between units: an activation stays where the unit behind it keeps its input for backward, a gradient where W
// runs apart and still needs it.
void place_boundaries(Bytes row, const Chunk* before, Chunk& chunk, StageEmission& emit) {
  std::vector<Tensor>& tensors = emit.program().tensors;
  const auto kind_in = [](const PlacedUnit& unit, TensorId id) { return unit.program->tensors[id].kind; };
  chunk.activations.rows = static_cast<TensorId>(tensors.size());
  for (const PlacedUnit& unit : chunk.units)
    emit.tensor("activation between blocks", kind_in(unit, BlockProgram::input), row);
  emit.tensor("activation between blocks", MemoryKind::transient, row);
  chunk.gradients.emplace();
  chunk.gradients->rows = static_cast<TensorId>(tensors.size());
  emit.tensor("gradient between blocks", MemoryKind::transient, row);
  for (const PlacedUnit& unit : chunk.units) {
    const bool stays = kind_in(unit, BlockProgram::output_gradient) == MemoryKind::activations;
    emit.tensor("gradient between blocks", stays ? MemoryKind::activations : MemoryKind::transient, row);
  }
  chunk.activations.input = chunk.activations.rows, chunk.gradients->input = chunk.gradients->rows;
  if (before == nullptr || chunk.from != emit.program().stage) return;
  chunk.activations.input = before->activations.after(before->units.size() - 1);
  chunk.gradients->input = before->gradients->after(before->units.size() - 1);
  tensors[chunk.activations.input].kind = tensors[chunk.activations.rows].kind;
}

// Whole parameters and gradients of units whose ranks keep shards of them.
void place_shards(const Plan& plan, const ReplicaExchanges& replicas, Bytes parameter, TrainingChunk& own,
                  StageEmission& emit) {
  const auto of_units = [&](std::string_view name, Bytes element, bool frozen) {
    const auto first = static_cast<TensorId>(emit.program().tensors.size());
    for (const PlacedUnit& unit : own.chunk.units) {
      const BlockProgram& block = *unit.program;
      const std::int64_t elements = block.parameters + block.expert_parameters + block.borrowed +
                                    (frozen ? block.frozen + block.frozen_experts + block.borrowed_frozen : 0);
      emit.tensor(name, MemoryKind::gathered, static_cast<double>(elements) * element);
    }
    return first;
  };
  const Bytes gradient = sharded_gradient(replicas.state(), plan);
  if (zero_in_step(plan) == 3) own.gathered = of_units("gathered parameters", parameter, true);
  if (zero_in_step(plan) >= 2) own.gradients = of_units("gradients before they are scattered", gradient, false);
  for (std::size_t u = 0; u < own.size(); ++u) {
    Unit& unit = emit.program().units[own.chunk.first_unit + u];
    const auto n = static_cast<TensorId>(u);
    if (own.gathered) unit.gathered = *own.gathered + n;
    if (own.gradients) unit.gradients = *own.gradients + n;
    const std::int64_t early = zero_in_step(plan) >= 2 && splits_backward(plan) ? own.chunk.units[u].program->early : 0;
    if (early > 0)
      unit.early =
          emit.tensor("gradients that wait for W", MemoryKind::activations, static_cast<double>(early) * gradient);
    own.early.push_back(unit.early);
  }
}

void cut(const Stack& stack, const Plan& plan, const ReplicaExchanges& replicas, TrainingChunk& own) {
  if (zero_in_step(plan) >= 2) return;
  const std::vector<PlacedUnit>& units = own.chunk.units;
  for (const Share share : {Share::dense, Share::experts}) {
    std::vector<std::int64_t> parameters;
    for (const PlacedUnit& unit : units) parameters.push_back(replicas.held(unit, share));
    const int copies = replicas.grid().size(share == Share::experts ? GroupKind::expert_dp : GroupKind::dp);
    if (copies > 1) cut_buckets(parameters, stack.bucket, copies, own.buckets_of(share));
  }
  if (replicas.grid().size(GroupKind::dp) == 1) return;
  for (std::size_t u = units.size(); u-- > 0;) {
    if (const std::int64_t n = replicas.held(units[u], Share::table); n > 0)
      own.buckets_of(Share::table).push_back({static_cast<int>(u), static_cast<int>(u), n});
  }
}

}  // namespace

ReplicaPiece TrainingChunk::piece(const Bucket& bucket, Share share) const {
  const int first = static_cast<int>(chunk.first_unit);
  return {bucket.elements, share, {first + bucket.first_unit, first + bucket.last_unit}};
}

ReplicaPiece TrainingChunk::piece(std::size_t unit, Share share, std::int64_t elements) const {
  const int number = static_cast<int>(chunk.first_unit + unit);
  return {elements, share, {number, number}};
}

TrainingChunk make_training_chunk(const Scenario& given, const Plan& plan, const std::vector<ChunkUnit>& units,
                                  int local, const TrainingChunk* before, const ReplicaExchanges& replicas,
                                  StageEmission& emit) {
  TrainingChunk own{.chunk = chunk_at(plan, emit.program().stage, local)};
  place_units(emit, units, NewUnits::yes, own.chunk);
  place_boundaries(boundary_bytes(given, split_of(plan)), before == nullptr ? nullptr : &before->chunk, own.chunk,
                   emit);
  place_shards(plan, replicas, size_of(activation_dtype(given.job)), own, emit);
  cut(given.stack, plan, replicas, own);
  return own;
}

}  // namespace forerun
