// A chunk of the model on its stage: its units, and the tensors between them.
#pragma once

#include "strategies/plan/plan.hpp"
#include "strategies/programs/steps/stage_emission.hpp"
#include "strategies/programs/steps/stage_program.hpp"

namespace forerun {

// The embedding, a block or the head, and what it runs.
struct ChunkUnit {
  UnitKind kind{};
  int layer = 0;
  const BlockProgram* program = nullptr;
};
// Of chunk `index` of the model, in the order of its layers.
std::vector<ChunkUnit> units_of_chunk(const Plan&, const BlockKinds&, const SplitPrograms&, int index);

struct PlacedUnit {
  const BlockProgram* program = nullptr;
  std::uint32_t first_work = 0;
  TensorId first_tensor = 0;
};

// `rows` are neighbours: unit u finds rows + u and leaves rows + u + 1; but the first unit finds `input`, which is
// another where the chunk before is on the same stage.
struct BoundaryTensors {
  TensorId rows = 0, input = 0;

  [[nodiscard]] TensorId before(std::size_t u) const { return u == 0 ? input : rows + static_cast<TensorId>(u); }
  [[nodiscard]] TensorId after(std::size_t u) const { return rows + static_cast<TensorId>(u) + 1; }
};

struct Chunk {
  int local = 0, index = 0;  // among those of its stage, and in the order of the layers
  std::optional<int> from, to;  // stages of the chunks before and after
  std::size_t first_unit = 0;  // of StageProgram::units
  std::vector<PlacedUnit> units;
  BoundaryTensors activations;
  std::optional<BoundaryTensors> gradients;  // of a step that runs backward: from the other end
};

// The `local`-th chunk of a stage, without units.
Chunk chunk_at(const Plan&, int stage, int local);
// Places the works and tensors of units. `new_units`: the stage has not got them yet; otherwise they are those that
// begin at chunk.first_unit, with other micro-batches.
enum class NewUnits : bool { no, yes };
void place_units(StageEmission&, const std::vector<ChunkUnit>&, NewUnits, Chunk&);

// Writes the pass of a unit.
void append_unit(StageEmission&, const Chunk&, std::size_t u, PassKind);

}  // namespace forerun
