// One block (or the embedding, or the head) on one rank, lowered: the instructions of its passes over one micro-batch.
//
// A block finds its input alive and leaves its output alive; backward finds the gradient of its output and leaves that
// of its input (each `boundary_bytes`). The embedding has no input, the head no output.
#pragma once

#include <array>
#include <vector>

#include "strategies/plan/scenario.hpp"
#include "strategies/plan/shard.hpp"
#include "strategies/programs/blocks/block_exchanges.hpp"
#include "strategies/programs/program.hpp"

namespace forerun {

// What is lowered: operators, and what is said around each. The same whatever is run again.
struct BlockParts {
  const Stack& stack;
  std::vector<Operator> operators;
  std::vector<OperatorExchanges> exchanges;
  Bytes row;                     // of the tensors at its borders
  bool has_input = true, has_output = true;
  bool runs_backward = false;    // false: nothing here or below is trained; the gradient goes on unread
};

struct BlockProgram {
  static constexpr TensorId input = 0, output = 1, output_gradient = 2, input_gradient = 3;
  static constexpr std::size_t boundaries = 4;

  std::vector<Work> works;       // of computations, each run once a pass
  std::vector<Tensor> tensors;   // the first four are the boundaries above
  // One by PassKind. `backward` is B and W of each operator in turn; B and W apart are empty where no schedule runs
  // them.
  std::array<Body, 4> passes;
  std::int64_t parameters = 0;  // trained ones on this rank, before ZeRO, without routed experts
  std::int64_t expert_parameters = 0;  // of routed experts
  // Of `parameters` those that all ranks of a tensor group hold; under sequence parallelism each sees other tokens.
  std::int64_t replicated = 0;
  std::int64_t frozen = 0;  // the same of what is not trained, in elements of the activations' format
  std::int64_t frozen_experts = 0;
  std::int64_t early = 0;  // of `parameters` those whose gradients B makes (norms)
  std::int64_t table = 0;  // of `parameters` those of a tied table of tokens: replicas exchange them on their own
  std::int64_t borrowed = 0,
               borrowed_frozen = 0;  // of a tied table that the embedding on this device holds: not among the above
  std::uint32_t tokens = 0;  // that its passes number from 1 on: of the one that has most
  bool runs_backward = false;
  double visible = 1;  // of its attention: share of all pairs of positions that mask and window leave

  [[nodiscard]] const Body& pass(PassKind kind) const { return passes[static_cast<std::size_t>(kind)]; }
};

// The head on another device than the embedding: of a tied table it holds a copy.
template <class Head>  // program or price
Head on_its_own(Head head) {
  head.parameters += head.borrowed, head.frozen += head.borrowed_frozen;
  head.table = head.borrowed, head.borrowed = head.borrowed_frozen = 0;
  return head;
}

// What forward leaves for backward; with the input where it stays.
std::vector<TensorId> saved_tensors(const BlockProgram&);

}  // namespace forerun
