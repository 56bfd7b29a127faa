#include "executor/ranks/rank_context.hpp"

#include <set>
#include <utility>

#include "strategies/programs/describe_work.hpp"

namespace forerun {

RankContext::RankContext(const PricedScenario& scenario, const Program& what, const RankPlace& place, RunOptions how)
    : given(scenario.given),
      program(what),
      plan(what.plan),
      options(std::move(how)),
      world(place.world),
      talk(place.tensors),
      backend(place.backend),
      rank(place.world.rank()),
      grid(what.plan),
      at(grid.at(rank)),
      stage(program_of(what, rank)),
      memory(backend),
      uncounted(backend),
      workspace(memory, stage.held.workspace),
      tensors_(static_cast<std::size_t>(what.micro_batches)) {
  for (auto& of_micro_batch : tensors_) of_micro_batch.resize(stage.tensors.size());
  find_sequences();
}

// A replica's sequences are neighbours, micro-batch by micro-batch.
void RankContext::find_sequences() {
  std::int64_t number = 0;
  for (const MicroBatch& micro_batch : program.batch) {
    OfMicroBatch& own = batch_.emplace_back();
    own.first_sequence = number;
    for (const SequenceLengths& run : micro_batch.sequences) {
      own.sequences.push_back({run.count, run.length, run.length / plan.cp});
      number += run.count;
    }
  }
  for (OfMicroBatch& own : batch_) own.first_sequence += at.dp * number;
}

std::vector<std::int64_t> RankContext::lengths() const {
  std::set<std::int64_t> all;
  for (const OfMicroBatch& own : batch_) {
    for (const SequenceRun& run : own.sequences) all.insert(run.length);
  }
  return {all.begin(), all.end()};
}

const Moe* RankContext::experts() const {
  if (stage.units[unit()].kind != UnitKind::block) return nullptr;
  return std::get_if<Moe>(&block().feed_forward);
}

namespace {

std::string name_of(const StageProgram& stage, const Instruction& in) {
  if (in.code == Code::run) return describe(stage.works[in.work]);
  return in.code == Code::wait ? "wait" : "receive";
}

}  // namespace

std::string RankContext::where() const {
  const std::string of_stage = "stage " + std::to_string(at.pp);
  if (cursor.body == nullptr || cursor.instruction == nullptr) return of_stage;
  const Instruction& in = *cursor.instruction;
  const std::string what = name_of(stage, in);
  if (!cursor.body->chunk) return of_stage + ", " + what;
  return of_stage + ", chunk " + std::to_string(*cursor.body->chunk) + ", micro-batch " +
         std::to_string(cursor.micro_batch) + ", layer " + std::to_string(layer_of(stage, in)) + ": " + what;
}

DType RankContext::format() const {
  const DType dtype = given.job.dtype;
  return dtype == DType::fp64 || dtype == DType::bf16 ? dtype : DType::fp32;
}

}  // namespace forerun
