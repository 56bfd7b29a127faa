#include "strategies/block_emission.hpp"

#include <utility>

namespace forerun {

BlockEmission::BlockEmission(BlockProgram& out, Bytes row, std::size_t operators) : out_(out) {
  // Most blocks fit in this, so that nothing moves while it grows.
  const std::size_t n = operators + 1;
  out_.works.reserve(6 * n), out_.tensors.reserve(8 * n);
  for (Body& body : out_.passes) body.instructions.reserve(4 * n), body.operands.reserve(12 * n);
  for (const std::string_view name : {"input of a block", "output of a block", "gradient of a block's output", "gradient of a block's input"}) tensor(name, row);
}

void BlockEmission::begin(PassKind kind) {
  body_ = &out_.passes[static_cast<std::size_t>(kind)];
  body_->kind = kind;
  tokens_ = 0;
  beside_.clear();
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

void BlockEmission::compute(const Operator& op, Part part, std::vector<Kernel> kernels, const Tensors& reads, const Tensors& writes) {
  push({.work = work(Computation{op.kind, part, std::move(kernels)})}, reads, writes);
}

void BlockEmission::pass_on(const Tensors& reads, const Tensors& writes) { push({.work = work(Computation{})}, reads, writes); }

void BlockEmission::run(const Operator& op, const OperatorExchanges& exchanges, Part part, const std::vector<Kernel>& kernels, const Tensors& reads, Tensors writes) {
  const auto& thin = part == Part::input_gradient ? exchanges.thin_gradient : exchanges.thin;
  if (thin) wait(issue(*thin, false, reads, {}));
  if (op.workspace > Bytes{0}) writes.push_back(tensor("dequantised weight, or the second term of a sum", op.workspace));
  if (exchanges.ring) return ring(op, *exchanges.ring, part, kernels, reads, writes);
  compute(op, part, kernels, reads, writes);
}

void BlockEmission::ring(const Operator& op, const Ring& ring, Part part, const std::vector<Kernel>& kernels, const Tensors& reads, const Tensors& writes) {
  const bool back = part == Part::input_gradient;
  const Communication& message = back ? ring.backward : ring.forward;
  const auto steps = static_cast<std::size_t>(ring.steps);
  const std::size_t each = kernels.size() == steps + 1 ? 1 : 0;  // unfused attention is not cut: it runs when everything is there
  const auto at = [&](std::size_t n) { return kernels.begin() + static_cast<std::ptrdiff_t>(n); };
  // What is at work and what arrives.
  const std::string_view name = back ? "keys, values and their gradients on the ring" : "keys and values on the ring";
  const Bytes bytes = (back ? 2.0 : 1.0) * ring.arriving;
  const TensorId places[2] = {tensor(name, bytes), tensor(name, bytes)};
  for (std::size_t step = 0; step < steps; ++step) {
    std::optional<TokenId> token;
    Tensors sources = reads;
    if (step > 0) sources.push_back(places[step % 2]);
    if (step + 1 < steps) token = issue(message, false, sources, {places[(step + 1) % 2]});
    compute(op, part, {at(step * each), at((step + 1) * each)}, sources, step == 0 ? writes : Tensors{});
    if (token) wait(*token);
  }
  compute(op, part, {at(steps * each), kernels.end()}, reads, writes);  // the sum of the pieces
}

TokenId BlockEmission::issue(const Communication& c, bool interleaved, const Tensors& reads, const Tensors& writes) {
  const TokenId token = ++tokens_;
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
  beside_.push_back(issue(exchange.communication, true, from, to));
  return to;
}

void BlockEmission::join() {
  for (const TokenId token : beside_) wait(token);
  beside_.clear();
}

}  // namespace forerun
