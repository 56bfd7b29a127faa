#include "strategies/programs/steps/chunk.hpp"

#include "strategies/plan/chunks.hpp"

namespace forerun {

std::vector<ChunkUnit> units_of_chunk(const Plan& plan, const BlockKinds& kinds, const SplitPrograms& programs,
                                      int index) {
  const int layers = static_cast<int>(kinds.of_layer.size());
  std::vector<std::size_t> begins;
  chunk_begins(plan, layers, begins);
  const auto c = static_cast<std::size_t>(index);
  std::vector<ChunkUnit> units;
  if (c == 0) units.push_back({UnitKind::embedding, 0, &programs.embedding});
  for (std::size_t layer = begins[c]; layer < begins[c + 1]; ++layer) {
    const auto kind = static_cast<std::size_t>(kinds.of_layer[layer]);
    units.push_back({UnitKind::block, static_cast<int>(layer), &programs.blocks[kind]});
  }
  if (index + 1 == chunk_count(plan))
    units.push_back({UnitKind::head, layers, ends_meet(plan) ? &programs.head : &programs.lone_head});
  return units;
}

Chunk chunk_at(const Plan& plan, int stage, int local) {
  Chunk chunk{.local = local, .index = chunk_on(plan, stage, local)};
  const int up = direction_of(plan, local);
  if (chunk.index > 0) chunk.from = stage_of(plan, chunk.index - 1, up);
  if (chunk.index + 1 < chunk_count(plan)) chunk.to = stage_of(plan, chunk.index + 1, up);
  return chunk;
}

void place_units(StageEmission& emit, const std::vector<ChunkUnit>& units, NewUnits fresh, Chunk& chunk) {
  if (fresh == NewUnits::yes) chunk.first_unit = emit.program().units.size();
  for (const ChunkUnit& unit : units) {
    const BlockProgram& block = *unit.program;
    const std::uint32_t first_work = emit.works_of(block);
    chunk.units.push_back({&block, first_work, emit.tensors_of(block)});
    if (fresh == NewUnits::no) continue;
    emit.program().units.push_back({.kind = unit.kind,
                                    .layer = unit.layer,
                                    .chunk = chunk.local,
                                    .parameters = block.parameters,
                                    .expert_parameters = block.expert_parameters,
                                    .table = block.table,
                                    .borrowed = block.borrowed});
  }
}

void append_unit(StageEmission& emit, const Chunk& chunk, std::size_t u, PassKind kind) {
  const PlacedUnit& unit = chunk.units[u];
  TensorPlaces places{.others = unit.first_tensor};
  places.boundary[BlockProgram::input] = chunk.activations.before(u);
  places.boundary[BlockProgram::output] = chunk.activations.after(u);
  if (chunk.gradients) {
    places.boundary[BlockProgram::output_gradient] = chunk.gradients->after(u);
    places.boundary[BlockProgram::input_gradient] = chunk.gradients->before(u);
  }
  emit.append(unit.program->pass(kind), unit.first_work, places, chunk.first_unit + u);
}

}  // namespace forerun
