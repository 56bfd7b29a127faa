// Selective recompute: some of what backward reads is not kept by forward, but made again just before its use
// (Korthikanti et al. 2022, section 5).
//
// The stack names two lists of operators: those that run again for their output, and those that run again only for what
// they keep for themselves (such as the probabilities of unfused attention). Forward stays as it is: a tensor is let go
// because backward reads a fresh one in its place, so that its last use is in forward.
//
// In comes the trace of forward, before the backward of operator i. For each tensor that i saved, that is let go and is
// not yet made again, its producer runs its forward part once more, with the exchanges that its input needs; where the
// producer's own inputs were let go, their producers run first. Out goes the trace with fresh tensors in the places of
// the old ones, for operator i and for all that run after it.
#include <algorithm>
#include <cassert>

#include "strategies/programs/blocks/block_passes.hpp"

namespace forerun {
namespace {

bool contains(const std::vector<OperatorKind>& list, OperatorKind kind) {
  return std::find(list.begin(), list.end(), kind) != list.end();
}

}  // namespace

// Whether forward leaves a tensor to be made again.
bool Rebuilding::drops(const SavedTensor& saved) const {
  const Stack& stack = parts_.stack;  // who runs again for its output makes again what only it looks at
  return contains(stack.selective_outputs, saved.producer) ||
         (saved.internal && contains(stack.selective_inside, saved.producer));
}

bool Rebuilding::missing(std::size_t i, std::size_t save) const {
  return drops(parts_.operators[i].saves[save]) &&
         std::find(rebuilt_.begin(), rebuilt_.end(), *trace_.kept[i][save]) == rebuilt_.end();
}

void Rebuilding::operator()(std::size_t i) {
  const std::vector<SavedTensor>& saves = parts_.operators[i].saves;
  for (std::size_t j = 0; j < saves.size(); ++j) {
    if (missing(i, j)) rerun(saves[j].internal ? i : producer(i, saves[j].producer));
  }
}

std::size_t Rebuilding::producer(std::size_t consumer, OperatorKind kind) const {
  for (std::size_t i = consumer + 1; i-- > 0;) {
    if (parts_.operators[i].kind == kind) return i;
  }
  assert(false && "a saved tensor without its producer");
  return consumer;
}

void Rebuilding::rerun(std::size_t p) {
  const Operator& op = parts_.operators[p];
  const OperatorExchanges& e = parts_.exchanges[p];
  for (std::size_t j = 0; j < op.saves.size(); ++j) {
    if (!own(op, op.saves[j]) && missing(p, j)) rerun(producer(p, op.saves[j].producer));
  }
  const Tensors writes = make_again(p);
  Tensors reads = trace_.input[p];
  if (e.gather) reads = emit_.blocking(*e.gather, reads);
  if (e.gather_keys) append(reads, emit_.blocking(*e.gather_keys, reads));
  if (reads_routing(op)) append(reads, trace_.routing);
  emit_.run(op, e, Part::recompute, op.forward, reads, writes);
}

// New tensors for all that the operator makes of what was let go.
Tensors Rebuilding::make_again(std::size_t p) {
  const OperatorKind kind = parts_.operators[p].kind;
  Tensors writes;
  for (std::size_t i = 0; i < parts_.operators.size(); ++i) {
    for (std::size_t j = 0; j < parts_.operators[i].saves.size(); ++j) {
      const SavedTensor& saved = parts_.operators[i].saves[j];
      const bool made_here = saved.internal ? i == p : saved.producer == kind && producer(i, saved.producer) == p;
      if (!made_here || !missing(i, j)) continue;
      const TensorId fresh = emit_.tensor(saved.name, saved.bytes);
      rebuilt_.push_back(fresh);
      writes.push_back(fresh);
      replace(*trace_.kept[i][j], fresh);
    }
  }
  return writes;
}

void Rebuilding::replace(TensorId old, TensorId fresh) {
  for (auto& list : trace_.input) std::replace(list.begin(), list.end(), old, fresh);
  std::replace(trace_.routing.begin(), trace_.routing.end(), old, fresh);
  for (auto& list : trace_.kept) std::replace(list.begin(), list.end(), std::optional(old), std::optional(fresh));
}

}  // namespace forerun
