// Where one rank is and what it is at: its place in the grid, its processor and memory, the instruction at work and
// the tensors that it names.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "executor/ranks/run_options.hpp"
#include "executor/ranks/workspace.hpp"
#include "strategies/plan/rank_grid.hpp"
#include "strategies/plan/scenario.hpp"
#include "strategies/programs/program.hpp"
#include "workloads/operators/operator.hpp"

namespace forerun {

// The instruction at work.
struct Cursor {
  const Body* body = nullptr;
  const Instruction* instruction = nullptr;  // null: between two bodies
  std::int32_t micro_batch = 0;

  [[nodiscard]] std::span<const TensorId> reads() const {
    return {body->operands.data() + instruction->first_operand, instruction->reads};
  }
  [[nodiscard]] std::span<const TensorId> writes() const {
    return {body->operands.data() + instruction->first_operand + instruction->reads, instruction->writes};
  }
  [[nodiscard]] std::span<const TensorId> allocates() const {
    return {body->touches.data() + instruction->first_touch, instruction->allocates};
  }
  [[nodiscard]] std::span<const TensorId> releases() const {
    return {body->touches.data() + instruction->first_touch + instruction->allocates, instruction->releases};
  }
};

class RankContext {
 public:
  RankContext(const PricedScenario&, const Program&, const RankPlace&, RunOptions);
  RankContext(const RankContext&) = delete;
  RankContext& operator=(const RankContext&) = delete;

  // Tensors of the micro-batch at work.
  [[nodiscard]] Allocation& memory_of(TensorId id) {
    return tensors_[static_cast<std::size_t>(cursor.micro_batch)][id];
  }
  template <class U>
  [[nodiscard]] std::span<U> tensor(TensorId id) {
    return memory_of(id).as<U>();
  }

  // Sequences of the micro-batch at work on this rank, in the order of their rows, and the number of the first of them
  // among all of the step.
  [[nodiscard]] const std::vector<SequenceRun>& sequences() const {
    return batch_[static_cast<std::size_t>(cursor.micro_batch)].sequences;
  }
  [[nodiscard]] std::int64_t first_sequence() const {
    return batch_[static_cast<std::size_t>(cursor.micro_batch)].first_sequence;
  }

  // The unit at work.
  [[nodiscard]] std::size_t unit() const { return cursor.instruction->unit; }
  [[nodiscard]] const Block& block() const {
    return given.model.blocks[static_cast<std::size_t>(layer_of(stage, *cursor.instruction))];
  }
  // Null: it has no routed experts.
  [[nodiscard]] const Moe* experts() const;

  // The work at hand, or null where it is of another kind.
  template <class W>
  [[nodiscard]] const W* work() const {
    return cursor.instruction->code == Code::run ? std::get_if<W>(&stage.works[cursor.instruction->work]) : nullptr;
  }
  [[nodiscard]] std::string where() const;  // the instruction at work, for messages

  // Of activations and weights; sums, gradients of weights and optimiser states are in Arithmetic of it (number.hpp).
  [[nodiscard]] DType format() const;
  [[nodiscard]] std::vector<std::int64_t> lengths() const;  // of all sequences of the step: each once, ascending

  const Scenario& given;
  const Program& program;
  const Plan& plan;
  const RunOptions options;
  Communicator &world, &talk;  // of what lies in the host's memory, and in the backend's
  Backend& backend;
  const int rank;
  const RankGrid grid;
  const RankCoordinates at;
  const StageProgram& stage;
  Allocator memory, uncounted;  // uncounted: what the Program does not know of
  Workspace workspace;
  Cursor cursor;
  std::int64_t step = 0;
  bool updates = true;  // otherwise gradients stay as they are after the last exchange

 private:
  struct OfMicroBatch {
    std::vector<SequenceRun> sequences;
    std::int64_t first_sequence = 0;
  };
  void find_sequences();

  std::vector<OfMicroBatch> batch_;
  std::vector<std::vector<Allocation>> tensors_;  // of each micro-batch
};

}  // namespace forerun
