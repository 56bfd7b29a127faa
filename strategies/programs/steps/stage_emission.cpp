#include "strategies/programs/steps/stage_emission.hpp"

#include <cassert>
#include <limits>

namespace forerun {

StageEmission::StageEmission(int stage, std::uint32_t block_tokens) : tokens_(block_tokens) {
  out_.stage = stage;
  out_.first_work.push_back(0);
  nothing_ = work(Computation{.part = Part::update, .extent = SumOfReads{}});
}

std::uint32_t StageEmission::work(Work w) {
  out_.works.push_back(std::move(w));
  return static_cast<std::uint32_t>(out_.works.size() - 1);
}

TensorId StageEmission::tensor(std::string_view name, MemoryKind kind, Bytes bytes) {
  out_.tensors.push_back({name, kind, bytes});
  return static_cast<TensorId>(out_.tensors.size() - 1);
}

TensorId StageEmission::tensors_of(const BlockProgram& block) {
  const auto first = static_cast<TensorId>(out_.tensors.size());
  out_.tensors.insert(out_.tensors.end(), block.tensors.begin(), block.tensors.end());
  return first;
}

std::uint32_t StageEmission::works_of(const BlockProgram& block) {
  const auto found = first_work_.find(&block);
  if (found != first_work_.end()) return found->second;
  const auto first = static_cast<std::uint32_t>(out_.works.size());
  out_.first_work.push_back(first);
  out_.works.insert(out_.works.end(), block.works.begin(), block.works.end());
  return first_work_[&block] = first;
}

std::uint32_t StageEmission::open(Body body) {
  out_.bodies.push_back(std::move(body));
  return static_cast<std::uint32_t>(out_.bodies.size() - 1);
}

void StageEmission::push(Instruction in, const Operands& o) {
  Body& b = body();
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

void StageEmission::append(const Body& pass, std::uint32_t first_work, const TensorPlaces& placed, std::size_t unit) {
  assert(unit <= std::numeric_limits<std::uint16_t>::max() && "an instruction has 16 bits for its unit");
  Body& to = body();
  const auto operands = static_cast<std::uint32_t>(to.operands.size()),
             touches = static_cast<std::uint32_t>(to.touches.size());
  for (const TensorId id : pass.operands) to.operands.push_back(placed(id));
  for (const TensorId id : pass.touches) to.touches.push_back(placed(id));
  for (Instruction in : pass.instructions) {
    in.first_operand += operands;
    in.first_touch += touches;
    in.work += first_work;
    in.unit = static_cast<std::uint16_t>(unit);
    to.instructions.push_back(in);
  }
}

}  // namespace forerun
