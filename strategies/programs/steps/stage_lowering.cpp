#include "strategies/programs/steps/lower_stage.hpp"

#include "strategies/plan/chunks.hpp"
#include "strategies/programs/held_memory.hpp"
#include "strategies/programs/steps/stage_lowering.hpp"

namespace forerun::stage_lowering {
namespace {

std::uint32_t tokens_of_blocks(const SplitPrograms& programs) {
  std::uint32_t most = std::max(programs.embedding.tokens, programs.head.tokens);
  for (const BlockProgram& block : programs.blocks) most = std::max(most, block.tokens);
  return most;
}

}  // namespace

PassTokens::PassTokens(TokenAllocator& tokens) : receive(tokens.next()) {
  for (auto& pair : gather) pair = {tokens.next(), tokens.next()};
  for (ReduceTokens& pair : scatter) pair = {tokens.next(), tokens.next()};
  copy = {tokens.next(), tokens.next()};
}

StageLowering::StageLowering(const PricedScenario& scenario, const BlockKinds& kinds, const SplitPrograms& programs,
                             const ScheduleTable& table, const Plan& plan, int stage)
    : given_(scenario.given),
      kinds_(kinds),
      programs_(programs),
      table_(table),
      plan_(plan),
      grid_(plan),
      split_(split_of(plan)),
      dp_(data_parallel_overlap(given_.stack, plan)),
      tokens_(tokens_of_blocks(programs)),
      between_units_(tokens_) {
  out_.stage = stage;
  element_ = size_of(activation_dtype(given_.job));
  state_ = state_bytes(given_.stack.precision, given_.job);
}

StageProgram StageLowering::lower() {
  out_.first_work.push_back(0);
  nothing_ = work(Computation{.part = Part::update, .extent = SumOfReads{}});
  settle_ = work(Computation{.part = Part::weight_gradient, .extent = SettledGradients{}});
  for (int local = 0; local < table_.chunks_per_stage; ++local) add_chunk(local);
  prologue();
  passes();
  epilogue();
  out_.held = held_memory(given_, plan_, weights(), boundary_bytes(given_, split_));
  return std::move(out_);
}

std::uint32_t StageLowering::work(Work w) {
  out_.works.push_back(std::move(w));
  return static_cast<std::uint32_t>(out_.works.size() - 1);
}

TensorId StageLowering::tensor(std::string_view name, MemoryKind kind, Bytes bytes) {
  out_.tensors.push_back({name, kind, bytes});
  return static_cast<TensorId>(out_.tensors.size() - 1);
}

std::uint32_t StageLowering::works_of(const BlockProgram& block) {
  const auto found = first_work_.find(&block);
  if (found != first_work_.end()) return found->second;
  const auto first = static_cast<std::uint32_t>(out_.works.size());
  out_.first_work.push_back(first);
  out_.works.insert(out_.works.end(), block.works.begin(), block.works.end());
  return first_work_[&block] = first;
}

void StageLowering::add_unit(Chunk& chunk, UnitKind kind, const BlockProgram& block, int layer) {
  chunk.units.push_back({&block, works_of(block), static_cast<std::uint32_t>(out_.tensors.size())});
  out_.units.push_back({.kind = kind,
                        .layer = layer,
                        .chunk = static_cast<int>(chunks_.size()),
                        .parameters = block.parameters,
                        .expert_parameters = block.expert_parameters,
                        .table = block.table,
                        .borrowed = block.borrowed});
  out_.tensors.insert(out_.tensors.end(), block.tensors.begin(), block.tensors.end());
}

void StageLowering::add_chunk(int local) {
  Chunk chunk;
  chunk.index = chunk_on(plan_, out_.stage, local);
  const int chunks = chunk_count(plan_), up = direction_of(plan_, local);
  if (chunk.index > 0) chunk.from = stage_of(plan_, chunk.index - 1, up);
  if (chunk.index + 1 < chunks) chunk.to = stage_of(plan_, chunk.index + 1, up);
  std::vector<std::size_t> begins;
  chunk_begins(plan_, static_cast<int>(kinds_.of_layer.size()), begins);
  const auto c = static_cast<std::size_t>(chunk.index);
  chunk.first_unit = out_.units.size();
  if (c == 0) add_unit(chunk, UnitKind::embedding, programs_.embedding, 0);
  for (std::size_t layer = begins[c]; layer < begins[c + 1]; ++layer) {
    add_unit(chunk, UnitKind::block, programs_.blocks[static_cast<std::size_t>(kinds_.of_layer[layer])],
             static_cast<int>(layer));
  }
  if (chunk.index + 1 == chunks)
    add_unit(chunk, UnitKind::head, ends_meet(plan_) ? programs_.head : programs_.lone_head,
             static_cast<int>(kinds_.of_layer.size()));
  const Bytes row = boundary_bytes(given_, split_);
  chunk.boundary = static_cast<TensorId>(out_.tensors.size());
  for (const PlacedUnit& unit : chunk.units)
    tensor("activation between blocks", unit.program->tensors[BlockProgram::input].kind, row);
  tensor("activation between blocks", MemoryKind::transient, row);
  chunk.gradient = static_cast<TensorId>(out_.tensors.size());
  for (std::size_t u = 0; u <= chunk.units.size(); ++u) {
    const bool stays =
        u > 0 && chunk.units[u - 1].program->tensors[BlockProgram::output_gradient].kind == MemoryKind::activations;
    tensor("gradient between blocks", stays ? MemoryKind::activations : MemoryKind::transient, row);
  }
  chunk.input = chunk.boundary, chunk.input_gradient = chunk.gradient;
  if (chunk.from == out_.stage) {
    const Chunk& before = chunks_.back();
    const auto last = static_cast<TensorId>(before.units.size());
    chunk.input = before.boundary + last, chunk.input_gradient = before.gradient + last;
    out_.tensors[chunk.input].kind = out_.tensors[chunk.boundary].kind;
  }
  sharded_tensors(chunk);
  cut(chunk);
  chunks_.push_back(std::move(chunk));
}

void StageLowering::sharded_tensors(Chunk& chunk) {
  const auto of_units = [&](std::string_view name, Bytes element, bool frozen) {
    const auto first = static_cast<TensorId>(out_.tensors.size());
    for (const PlacedUnit& unit : chunk.units) {
      const BlockProgram& block = *unit.program;
      const std::int64_t elements = block.parameters + block.expert_parameters + block.borrowed +
                                    (frozen ? block.frozen + block.frozen_experts + block.borrowed_frozen : 0);
      tensor(name, MemoryKind::gathered, static_cast<double>(elements) * element);
    }
    return first;
  };
  if (plan_.zero == 3) chunk.gathered = of_units("gathered parameters", element_, true);
  if (plan_.zero >= 2)
    chunk.gradients = of_units("gradients before they are scattered", sharded_gradient(state_, plan_), false);
  for (std::size_t u = 0; u < chunk.units.size(); ++u) {
    Unit& unit = out_.units[chunk.first_unit + u];
    if (plan_.zero == 3) unit.gathered = chunk.gathered + static_cast<TensorId>(u);
    if (plan_.zero >= 2) unit.gradients = chunk.gradients + static_cast<TensorId>(u);
    const std::int64_t early = plan_.zero >= 2 && splits_backward(plan_) ? chunk.units[u].program->early : 0;
    if (early > 0)
      unit.early = tensor("gradients that wait for W", MemoryKind::activations,
                          static_cast<double>(early) * sharded_gradient(state_, plan_));
    chunk.early.push_back(unit.early);
  }
}

void StageLowering::cut(Chunk& chunk) {
  if (plan_.zero >= 2) return;
  for (const Share share : {Share::dense, Share::experts}) {
    std::vector<std::int64_t> parameters;
    for (std::size_t u = 0; u < chunk.units.size(); ++u) parameters.push_back(held(chunk, u, share));
    const int replicas = grid_.size(share == Share::experts ? GroupKind::expert_dp : GroupKind::dp);
    if (replicas > 1) cut_buckets(parameters, given_.stack.bucket, replicas, chunk.buckets_of(share));
  }
  if (grid_.size(GroupKind::dp) == 1) return;
  for (std::size_t u = chunk.units.size(); u-- > 0;) {
    if (const std::int64_t n = held(chunk, u, Share::table); n > 0)
      chunk.buckets_of(Share::table).push_back({static_cast<int>(u), static_cast<int>(u), n});
  }
}

std::int64_t StageLowering::held(const Chunk& chunk, std::size_t u, Share share) const {
  const BlockProgram& block = *chunk.units[u].program;
  const std::int64_t apart = table_apart(plan_) ? block.table : 0;
  return share == Share::experts ? block.expert_parameters : share == Share::table ? apart : block.parameters - apart;
}

void StageLowering::push(Instruction in, const Operands& o) {
  Body& b = *body_;
  in.first_operand = static_cast<std::uint32_t>(b.operands.size());
  in.reads = static_cast<std::uint16_t>(o.reads.size());
  in.writes = static_cast<std::uint16_t>(o.writes.size());
  b.operands.insert(b.operands.end(), o.reads.begin(), o.reads.end());
  b.operands.insert(b.operands.end(), o.writes.begin(), o.writes.end());
  in.first_touch = static_cast<std::uint32_t>(b.touches.size());
  in.allocates = static_cast<std::uint16_t>(o.allocates.size());
  in.releases = static_cast<std::uint16_t>(o.releases.size());
  b.touches.insert(b.touches.end(), o.allocates.begin(), o.allocates.end());
  b.touches.insert(b.touches.end(), o.releases.begin(), o.releases.end());
  b.instructions.push_back(in);
}

void StageLowering::append(const Chunk& chunk, std::size_t u, PassKind kind) {
  const PlacedUnit& unit = chunk.units[u];
  const Body& from = unit.program->pass(kind);
  const auto placed = [&](TensorId id) {
    switch (id) {
      case BlockProgram::input:
        return u == 0 ? chunk.input : chunk.boundary + static_cast<TensorId>(u);
      case BlockProgram::output:
        return chunk.boundary + static_cast<TensorId>(u) + 1;
      case BlockProgram::input_gradient:
        return u == 0 ? chunk.input_gradient : chunk.gradient + static_cast<TensorId>(u);
      case BlockProgram::output_gradient:
        return chunk.gradient + static_cast<TensorId>(u) + 1;
      default:
        return unit.first_tensor + id;
    }
  };
  const auto operands = static_cast<std::uint32_t>(body_->operands.size()),
             touches = static_cast<std::uint32_t>(body_->touches.size());
  for (const TensorId id : from.operands) body_->operands.push_back(placed(id));
  for (const TensorId id : from.touches) body_->touches.push_back(placed(id));
  for (Instruction in : from.instructions) {
    in.first_operand += operands;
    in.first_touch += touches;
    in.work += unit.first_work;
    in.unit = static_cast<std::uint16_t>(chunk.first_unit + u);
    body_->instructions.push_back(in);
  }
}

}  // namespace forerun::stage_lowering

namespace forerun {

StageProgram lower_stage(const PricedScenario& scenario, const BlockKinds& kinds, const SplitPrograms& programs,
                         const ScheduleTable& table, const Plan& plan, int stage) {
  return stage_lowering::StageLowering(scenario, kinds, programs, table, plan, stage).lower();
}

}  // namespace forerun
