// What one block (or the embedding, or the head) costs on one rank for one micro-batch: time by kind, communication
// exposed and hidden, memory. A plan is a sum of these. Prices are those of the block's program, replayed alone, so
// that the closed form and the simulator cannot disagree about what a block is.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "strategies/block_program.hpp"
#include "strategies/work_price.hpp"

namespace forerun {

// Communication of one dimension: what delays the rank and what runs beside computation.
struct Delay {
  Seconds exposed, hidden;
};

// One pass of one block. Memory is counted from the start of the pass, when the boundary tensor that it finds is alive.
struct PassPrice {
  Seconds total;  // until the compute lane is done: kernels, or the host that launches them where it is slower, and
                  // exposed delays
  Seconds compute;  // kernels that are not run again
  Seconds recompute;
  std::array<Delay, 5> delay{};  // by Dimension
  Bytes peak, left;  // the most above the start, and the difference at the end
  std::array<Bytes, memory_kinds> at_peak{};

  // Of the pass alone: how much of it keeps the processors busy.
  [[nodiscard]] double busy() const { return total > Seconds{0} ? std::min(1.0, (compute + recompute) / total) : 1; }
};

struct BlockPrice {
  PassPrice forward, backward;  // backward: B and W, and what is run again first
  Bytes saved;  // from forward to backward; with the input where it is kept
  std::int64_t parameters = 0;  // trained ones on this rank, before ZeRO, without routed experts
  std::int64_t expert_parameters = 0;  // of routed experts
  std::int64_t replicated = 0;  // of `parameters`, over a tensor group (block_program.hpp)
  std::int64_t frozen = 0, frozen_experts = 0;  // the same of what is not trained (block_program.hpp)
  std::int64_t table = 0, borrowed = 0, borrowed_frozen = 0;  // of a tied table (block_program.hpp)
  std::int64_t early = 0;  // of `parameters` those whose gradients B makes
  bool runs_backward = false;
  Traffic traffic;  // of all passes
  std::array<Seconds, error_kinds> error{};
  Flops recomputed;  // on this rank
  PassPrice input_gradient, weight_gradient;  // B and W apart: last, for most plans do not look at them

  [[nodiscard]] const PassPrice& pass(PassKind kind) const {
    switch (kind) {
      case PassKind::forward:
        return forward;
      case PassKind::backward:
        return backward;
      case PassKind::input_gradient:
        return input_gradient;
      case PassKind::weight_gradient:
        return weight_gradient;
    }
    return forward;
  }
};

struct SplitPrices {
  std::vector<BlockPrice> blocks;  // of the model's distinct blocks
  BlockPrice embedding, head;
  BlockPrice lone_head;  // on another device than the embedding
  Bytes boundary;  // of the activation between two blocks

  // The embedding, the head, and each distinct block, by number.
  static constexpr int embedding_unit = -1, head_unit = -2, lone_head_unit = -3;
  [[nodiscard]] const BlockPrice& unit(int i) const {
    return i >= 0                ? blocks[static_cast<std::size_t>(i)]
           : i == embedding_unit ? embedding
           : i == head_unit      ? head
                                 : lone_head;
  }
};

// The distinct blocks of a model and which of them each layer is.
struct BlockKinds {
  std::vector<Block> distinct;
  std::vector<int> of_layer;
  std::vector<std::vector<int>> before;  // before[k][i]: layers of kind k among the first i
  std::vector<std::size_t> end_of_run;  // of the equal neighbours that layer i is among
};
BlockKinds block_kinds(const Model&);

BlockPrice price_block(const PricedScenario&, const BlockProgram&, const Split&, const Placements&);

// Prices splits one after the other. Those that differ only in what they run again have the same operators, embedding
// and head: in the order of the search each third split makes these.
class SplitPricer {
 public:
  SplitPricer(const PricedScenario& scenario, const BlockKinds& kinds) : scenario_(scenario), kinds_(kinds) {}
  SplitPrices operator()(const Split&);

 private:
  const PricedScenario& scenario_;
  const BlockKinds& kinds_;
  std::optional<Split> last_;
  Placements placements_;
  std::vector<BlockParts> blocks_;
  BlockPrice embedding_, head_;
};

// One from scratch.
SplitPrices price_split(const PricedScenario&, const BlockKinds&, const Split&);

}  // namespace forerun
