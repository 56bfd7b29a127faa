// Ring attention (Liu et al. 2023), the one operator that runs in pieces.
//
// Forward, a rank computes on the keys and values that it has while the next ones arrive; two buffers take turns, and a
// last kernel sums the partial outputs. Backward, keys and values go round again, and their gradients follow one step
// behind: a rank makes its part of them, adds it to the sum that arrived, and sends the sum on, until each sum is back
// at the rank that owns those keys.
#include <algorithm>

#include "strategies/programs/blocks/block_emission.hpp"

namespace forerun {

// Pieces, and what is at work and what arrives of the keys and values.
struct BlockEmission::RingRun {
  const Operator& op;
  const Ring& ring;
  Part part;
  const std::vector<Kernel>& kernels;
  const Tensors& reads;
  const Tensors& writes;
  TensorId queries;  // with this rank's own keys and values
  TensorId places[2];

  [[nodiscard]] int steps() const { return ring.steps; }
  [[nodiscard]] TensorId at_work(int step) const { return step == 0 ? queries : places[step % 2]; }
  [[nodiscard]] TensorId arriving(int step) const { return places[(step + 1) % 2]; }
  [[nodiscard]] Tensors sources(int step) const {
    Tensors list = reads;
    if (step > 0) list.push_back(places[step % 2]);
    return list;
  }
  // Runs of equal sequences, each of which has a kernel for every piece. Unfused attention is not cut: it runs when
  // everything is there.
  [[nodiscard]] std::size_t runs() const {
    const auto n = static_cast<std::size_t>(ring.steps);
    if (kernels.size() == n + 1) return 1;
    const auto fused = [](const Kernel& kernel) { return std::holds_alternative<FusedAttention>(kernel); };
    return static_cast<std::size_t>(std::ranges::count_if(kernels, fused)) / n;
  }
  // Kernels of one run follow each other; behind all runs comes what adds up the pieces.
  [[nodiscard]] std::vector<Kernel> kernels_of(int step) const {
    const auto n = static_cast<std::size_t>(ring.steps), i = static_cast<std::size_t>(step);
    if (i == n) return {kernels.begin() + static_cast<std::ptrdiff_t>(runs() * n), kernels.end()};
    std::vector<Kernel> piece;
    for (std::size_t run = 0; run < runs(); ++run) piece.push_back(kernels[run * n + i]);
    return piece;
  }
};

void BlockEmission::ring(const Operator& op, const Ring& ring, Part part, const std::vector<Kernel>& kernels,
                         const Tensors& reads, const Tensors& writes) {
  const bool back = part == Part::input_gradient;
  const TensorId first = tensor("keys and values on the ring", ring.arriving),
                 second = tensor("keys and values on the ring", ring.arriving);
  const RingRun run{op, ring, part, kernels, reads, writes, back ? reads[1] : reads[0], {first, second}};
  if (back) {
    ring_backward(run);
  } else {
    ring_forward(run);
  }
}

void BlockEmission::ring_forward(const RingRun& run) {
  for (int step = 0; step < run.steps(); ++step) {
    std::optional<TokenId> token;
    if (step + 1 < run.steps()) token = issue(run.ring.message, false, {run.at_work(step)}, {run.arriving(step)});
    ring_part(run, step, run.sources(step), step == 0 ? run.writes : Tensors{});
    if (token) wait(*token);
  }
  ring_part(run, run.steps(), run.reads, run.writes);  // the sum of the pieces
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
    ring_part(run, step, run.sources(step), step == 0 ? run.writes : Tensors{step == 1 ? sum : part});
    if (keys) wait(*keys);
    if (!gradients) continue;
    wait(*gradients);
    push({.work = work(Computation{.kind = run.op.kind, .part = run.part, .extent = RingSum{}})}, {part, sum}, {sum});
  }
  wait(issue(run.ring.message, false, {sum}, {sum}));  // home
  Tensors all = run.reads;
  all.push_back(sum);
  ring_part(run, run.steps(), all, run.writes);
}

void BlockEmission::ring_part(const RingRun& run, int step, const Tensors& reads, const Tensors& writes) {
  const Extent extent = step < run.steps() ? Extent(RingPiece{step}) : Extent(JoinPieces{});
  push({.work = work(Computation{run.op.kind, run.part, run.kernels_of(step), extent})}, reads, writes);
}

}  // namespace forerun
