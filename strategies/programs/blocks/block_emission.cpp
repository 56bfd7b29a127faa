// Instructions of a block's passes, written one after the other.
//
// A pass (forward, backward, or B and W apart) begins with begin(); from then on every call appends to its body. An
// instruction names the tensors that it reads and those that it writes; it says nothing of memory, which liveness.cpp
// adds when all passes are there. Computation runs where it is issued. Communication is issued on the stream of its
// dimension with a token; it may overlap what follows until the wait for that token: at once (blocking), behind the
// kernels that go with it, or at the end of the pass (join).
#include "strategies/programs/blocks/block_emission.hpp"

#include <algorithm>
#include <utility>

namespace forerun {

BlockEmission::BlockEmission(BlockProgram& out, Bytes row, std::size_t operators) : out_(out) {
  // Most blocks fit in this, so that nothing moves while it grows.
  const std::size_t n = operators + 1;
  out_.works.reserve(6 * n);
  out_.tensors.reserve(8 * n);
  for (Body& body : out_.passes) {
    body.instructions.reserve(4 * n);
    body.operands.reserve(12 * n);
  }
  for (const std::string_view name :
       {"input of a block", "output of a block", "gradient of a block's output", "gradient of a block's input"})
    tensor(name, row);
}

void BlockEmission::begin(PassKind kind) {
  body_ = &out_.passes[static_cast<std::size_t>(kind)];
  body_->kind = kind;
  tokens_ = 0;
  overlapped_.clear();
}

Bytes BlockEmission::bytes_of(const Tensors& list) const {
  Bytes sum{0};
  for (const TensorId id : list) sum += out_.tensors[id].bytes;
  return sum;
}

void BlockEmission::push(Instruction instruction, const Tensors& reads, const Tensors& writes) {
  instruction.first_operand = static_cast<std::uint32_t>(body_->operands.size());
  instruction.reads = static_cast<std::uint16_t>(reads.size());
  instruction.writes = static_cast<std::uint16_t>(writes.size());
  body_->operands.insert(body_->operands.end(), reads.begin(), reads.end());
  body_->operands.insert(body_->operands.end(), writes.begin(), writes.end());
  body_->instructions.push_back(instruction);
}

std::uint32_t BlockEmission::work(Work w) {
  out_.works.push_back(std::move(w));
  return static_cast<std::uint32_t>(out_.works.size() - 1);
}

void BlockEmission::compute(const Operator& op, Part part, std::vector<Kernel> kernels, const Tensors& reads,
                            const Tensors& writes) {
  push({.work = work(Computation{op.kind, part, std::move(kernels)})}, reads, writes);
}

void BlockEmission::pass_on(const Tensors& reads, const Tensors& writes) {
  push({.work = work(Computation{.extent = SumOfReads{}})}, reads, writes);
}

void BlockEmission::run(const Operator& op, const OperatorExchanges& exchanges, Part part,
                        const std::vector<Kernel>& kernels, const Tensors& reads, Tensors writes) {
  const auto& low_rank = part == Part::input_gradient ? exchanges.low_rank_gradient : exchanges.low_rank;
  if (low_rank) wait(issue(*low_rank, false, reads, {}));
  if (op.workspace > Bytes{0})
    writes.push_back(tensor("dequantised weight, or the second term of a sum", op.workspace));
  if (exchanges.ring) return ring(op, *exchanges.ring, part, kernels, reads, writes);
  compute(op, part, kernels, reads, writes);
}

TokenId BlockEmission::issue(const Communication& c, bool interleaved, const Tensors& reads, const Tensors& writes) {
  const TokenId token{++tokens_};
  out_.tokens = std::max(out_.tokens, tokens_);
  push({.lane = lane_of(c.flow), .interleaved = interleaved, .token = token, .work = work(c)}, reads, writes);
  return token;
}

Tensors BlockEmission::blocking(const Exchange& exchange, const Tensors& from) {
  Communication c = exchange.communication;
  c.hidden = 0;
  const Tensors to = result_of(exchange, from);
  wait(issue(c, false, from, to));
  return to;
}

Tensors BlockEmission::change_hands(const Exchange& exchange, const Tensors& from) {
  if (exchange.communication.hidden == 0) return blocking(exchange, from);
  const Tensors to = result_of(exchange, from);
  overlapped_.push_back(issue(exchange.communication, true, from, to));
  return to;
}

void BlockEmission::join() {
  for (const TokenId token : overlapped_) wait(token);
  overlapped_.clear();
}

}  // namespace forerun
