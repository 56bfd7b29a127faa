#include "strategies/programs/blocks/block_emission.hpp"

#include <utility>

namespace forerun {

BlockEmission::BlockEmission(BlockProgram& out, Bytes row, std::size_t operators) : out_(out) {
  // Most blocks fit in this, so that nothing moves while it grows.
  const std::size_t n = operators + 1;
  out_.works.reserve(6 * n), out_.tensors.reserve(8 * n);
  for (Body& body : out_.passes) body.instructions.reserve(4 * n), body.operands.reserve(12 * n);
  for (const std::string_view name :
       {"input of a block", "output of a block", "gradient of a block's output", "gradient of a block's input"})
    tensor(name, row);
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

void BlockEmission::compute(const Operator& op, Part part, std::vector<Kernel> kernels, const Tensors& reads,
                            const Tensors& writes) {
  push({.work = work(Computation{op.kind, part, std::move(kernels)})}, reads, writes);
}

void BlockEmission::pass_on(const Tensors& reads, const Tensors& writes) {
  push({.work = work(Computation{.piece = Computation::passes})}, reads, writes);
}

void BlockEmission::run(const Operator& op, const OperatorExchanges& exchanges, Part part,
                        const std::vector<Kernel>& kernels, const Tensors& reads, Tensors writes) {
  const auto& thin = part == Part::input_gradient ? exchanges.thin_gradient : exchanges.thin;
  if (thin) wait(issue(*thin, false, reads, {}));
  if (op.workspace > Bytes{0})
    writes.push_back(tensor("dequantised weight, or the second term of a sum", op.workspace));
  if (exchanges.ring) return ring(op, *exchanges.ring, part, kernels, reads, writes);
  compute(op, part, kernels, reads, writes);
}

// Pieces, and what is at work and what arrives of the keys and values.
struct BlockEmission::RingRun {
  const Operator& op;
  const Ring& ring;
  Part part;
  const std::vector<Kernel>& kernels;
  const Tensors& reads;
  const Tensors& writes;
  TensorId queries;    // with this rank's own keys and values
  TensorId places[2];

  [[nodiscard]] int steps() const { return ring.steps; }
  [[nodiscard]] TensorId at_work(int step) const { return step == 0 ? queries : places[step % 2]; }
  [[nodiscard]] TensorId arriving(int step) const { return places[(step + 1) % 2]; }
  [[nodiscard]] Tensors sources(int step) const {
    Tensors list = reads;
    if (step > 0) list.push_back(places[step % 2]);
    return list;
  }
  // Unfused attention is not cut: it runs when everything is there.
  [[nodiscard]] std::vector<Kernel> kernels_of(int step) const {
    const auto n = static_cast<std::size_t>(ring.steps), i = static_cast<std::size_t>(step);
    const std::size_t each = kernels.size() == n + 1 ? 1 : 0;
    const auto at = [&](std::size_t k) { return kernels.begin() + static_cast<std::ptrdiff_t>(k); };
    return i < n ? std::vector<Kernel>{at(i * each), at((i + 1) * each)}
                 : std::vector<Kernel>{at(n * each), kernels.end()};
  }
};

void BlockEmission::ring(const Operator& op, const Ring& ring, Part part, const std::vector<Kernel>& kernels,
                         const Tensors& reads, const Tensors& writes) {
  const bool back = part == Part::input_gradient;
  const TensorId first = tensor("keys and values on the ring", ring.arriving),
                 second = tensor("keys and values on the ring", ring.arriving);
  const RingRun run{op, ring, part, kernels, reads, writes, back ? reads[1] : reads[0], {first, second}};
  back ? ring_backward(run) : ring_forward(run);
}

void BlockEmission::ring_forward(const RingRun& run) {
  for (int step = 0; step < run.steps(); ++step) {
    std::optional<TokenId> token;
    if (step + 1 < run.steps()) token = issue(run.ring.message, false, {run.at_work(step)}, {run.arriving(step)});
    piece(run, step, run.sources(step), step == 0 ? run.writes : Tensors{});
    if (token) wait(*token);
  }
  piece(run, run.steps(), run.reads, run.writes);  // the sum of the pieces
}

// Gradients follow one step behind: those of the block at work arrive while this rank makes its own part of them, and
// go on during the next step.
void BlockEmission::ring_backward(const RingRun& run) {
  const TensorId sum = tensor("gradients on the ring", run.ring.arriving),
                 part = tensor("gradients of keys and values", run.ring.arriving);
  for (int step = 0; step < run.steps(); ++step) {
    std::optional<TokenId> keys, gradients;
    if (step + 1 < run.steps()) keys = issue(run.ring.message, false, {run.at_work(step)}, {run.arriving(step)});
    if (step >= 2) gradients = issue(run.ring.message, false, {sum}, {sum});
    piece(run, step, run.sources(step), step == 0 ? run.writes : Tensors{step == 1 ? sum : part});
    if (keys) wait(*keys);
    if (!gradients) continue;
    wait(*gradients);
    push({.work = work(Computation{.kind = run.op.kind, .part = run.part, .kernels = {}, .piece = Computation::joins})},
         {part, sum}, {sum});
  }
  wait(issue(run.ring.message, false, {sum}, {sum}));  // home
  Tensors all = run.reads;
  all.push_back(sum);
  piece(run, run.steps(), all, run.writes);
}

void BlockEmission::piece(const RingRun& run, int step, const Tensors& reads, const Tensors& writes) {
  push({.work = work(Computation{run.op.kind, run.part, run.kernels_of(step), step})}, reads, writes);
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
