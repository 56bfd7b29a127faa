// Exchanges around one operator of a block.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "strategies/programs/program.hpp"

namespace forerun {

// A tensor comes out of it, of `received` bytes: 0 where a rank's experts draw no rows. Without `received`, the tensor
// that went in is changed in place.
struct Exchange {
  Communication communication;
  std::string_view name;
  std::optional<Bytes> received = {};
};

// Keys and values go round while each rank computes on what it has: `steps` pieces, a message between two of them.
// Backward their gradients go round as well, one step behind, in messages of their own.
struct Ring {
  int steps = 1;
  Communication message;
  Bytes arriving;  // of one message
};

// Around one operator. Forward: before, gather, gather_keys, the operator, reduce, after. Backward: before_gradient,
// gather_gradient, gather_again, the operator, reduce_gradient, after_gradient.
struct OperatorExchanges {
  std::vector<Exchange> before, after;                    // the activation changes hands (experts, Ulysses)
  std::vector<Exchange> before_gradient, after_gradient;  // so does its gradient
  std::optional<Exchange> gather, reduce;  // column-cut products need the whole input, row-cut ones make partial sums
  std::optional<Exchange> gather_gradient;  // of a row-cut product under SP
  std::optional<Exchange> gather_again;  // of the input, for W
  std::optional<Exchange> reduce_gradient;
  Bytes whole_gradient;  // of a gathered input, before it is scattered
  std::optional<Exchange> gather_keys,
      scatter_keys;  // keys and values of all ranks, and their gradients (CP all-gather)
  std::optional<Exchange> statistics;  // of the loss, in place, after its forward part
  std::optional<Ring> ring;
  // Of what one low-rank factor hands to the other, and of its gradient, before the operator's kernels.
  std::optional<Communication> low_rank, low_rank_gradient;
};

}  // namespace forerun
