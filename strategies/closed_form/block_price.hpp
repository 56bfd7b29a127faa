// What one block (or the embedding, or the head) costs on one rank for one micro-batch: time by kind, communication
// exposed and hidden, memory. A plan is a sum of these. Prices are those of the block's program, replayed alone, so
// that the closed form and the simulator cannot disagree about what a block is.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "costmodel/collectives/collective.hpp"
#include "strategies/closed_form/pass_price.hpp"
#include "strategies/programs/blocks/lower_block.hpp"
#include "strategies/programs/work_price.hpp"
#include "workloads/models/block_kinds.hpp"

namespace forerun {

struct SplitPrograms;

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

// A unit of a chunk by what it costs: one of the model's distinct blocks, or an end of the model.
struct UnitRef {
  enum class Kind : std::uint8_t { block, embedding, head, lone_head };  // lone: on another device than the embedding

  Kind kind = Kind::block;
  int block = 0;  // of BlockKinds::distinct; of the ends 0

  bool operator==(const UnitRef&) const = default;
};

struct SplitPrices {
  std::vector<BlockPrice> blocks;  // of the model's distinct blocks
  BlockPrice embedding, head;
  BlockPrice lone_head;  // on another device than the embedding
  Bytes boundary;  // of the activation between two blocks

  [[nodiscard]] const BlockPrice& unit(UnitRef ref) const {
    switch (ref.kind) {
      case UnitRef::Kind::block:
        return blocks[static_cast<std::size_t>(ref.block)];
      case UnitRef::Kind::embedding:
        return embedding;
      case UnitRef::Kind::head:
        return head;
      case UnitRef::Kind::lone_head:
        return lone_head;
    }
    return embedding;
  }
};

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
// Of blocks that are lowered already. `boundary`: of the activation between two of them.
SplitPrices price_split(const PricedScenario&, const SplitPrograms&, const Split&, Bytes boundary);

}  // namespace forerun
