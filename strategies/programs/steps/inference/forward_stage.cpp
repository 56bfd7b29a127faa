#include "strategies/programs/steps/inference/forward_stage.hpp"

#include <algorithm>
#include <map>

#include "strategies/programs/held_memory.hpp"

namespace forerun {
namespace {

std::uint32_t most_tokens(const std::vector<SplitPrograms>& programs) {
  std::uint32_t most = 0;
  for (const SplitPrograms& one : programs) most = std::max(most, tokens_of_blocks(one));
  return most;
}

}  // namespace

ForwardStage::ForwardStage(const ForwardPlan& of, int stage)
    : of_(of), emit_(stage, most_tokens(of.programs)), messages_(of.given, of.plan, emit_) {}

StageProgram ForwardStage::lower() {
  for (int local = 0; local < of_.table.chunks_per_stage; ++local) add_chunk(local);
  emit_.call(emit_.open({}));
  emit_.push({.work = emit_.work(FrameworkFloor{})});
  passes();
  emit_.program().held = held();
  return emit_.take();
}

// The units are the same for all shapes: they hold weights; tensors and works are not.
void ForwardStage::add_chunk(int local) {
  chunks_.emplace_back();
  for (std::size_t shape = 0; shape < of_.programs.size(); ++shape) chunks_.back().push_back(place(local, shape));
}

Chunk ForwardStage::place(int local, std::size_t shape) {
  Chunk chunk = chunk_at(of_.plan, emit_.program().stage, local);
  if (shape > 0) chunk.first_unit = chunks_.back().front().first_unit;
  place_units(emit_, units_of_chunk(of_.plan, of_.kinds, of_.programs[shape], chunk.index),
              shape == 0 ? NewUnits::yes : NewUnits::no, chunk);
  const Bytes row = boundary_bytes(of_.given, of_.shapes.distinct[shape], split_of(of_.plan));
  chunk.activations.rows = chunk.activations.input = static_cast<TensorId>(emit_.program().tensors.size());
  for (std::size_t u = 0; u <= chunk.units.size(); ++u)
    emit_.tensor("activation between blocks", MemoryKind::transient, row);
  return chunk;
}

void ForwardStage::passes() {
  std::map<std::pair<int, std::size_t>, std::uint32_t> known;  // of each chunk and shape
  for (const Pass& pass : of_.table.of(emit_.program().stage)) {
    const std::size_t shape = of_.shapes.of_micro_batch[static_cast<std::size_t>(pass.micro_batch)];
    auto found = known.find({pass.chunk, shape});
    if (found == known.end()) {
      const Chunk& chunk = chunks_[static_cast<std::size_t>(pass.chunk)][shape];
      found = known.emplace(std::pair(int{pass.chunk}, shape), pass_body(chunk)).first;
    }
    emit_.call(found->second, pass.micro_batch);
  }
}

std::uint32_t ForwardStage::pass_body(const Chunk& chunk) {
  const std::uint32_t number = emit_.open({.chunk = chunk.local, .kind = PassKind::forward});
  messages_.receive(chunk.from, Lane::pp_forward, chunk.activations.input);
  for (std::size_t u = 0; u < chunk.units.size(); ++u) append_unit(emit_, chunk, u, PassKind::forward);
  messages_.send(chunk.to, Flow::pp_send_forward, chunk.activations.after(chunk.units.size() - 1));
  return number;
}

StageMemory ForwardStage::held() const {
  StageWeights weights;
  for (const std::vector<Chunk>& of_shapes : chunks_) {
    for (const PlacedUnit& unit : of_shapes.front().units) weights.add(*unit.program);
  }
  Bytes largest{0};
  for (const MicroBatch& shape : of_.shapes.distinct)
    largest = max(largest, boundary_bytes(of_.given, shape, split_of(of_.plan)));
  return held_forward_memory(of_.given, of_.plan, weights, largest);
}

}  // namespace forerun
