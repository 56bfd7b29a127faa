// Around the operators of a block, group by group: what tensor, context and expert groups exchange. Not for others:
// they use block_exchanges.hpp.
#pragma once

#include "costmodel/stacks/stack.hpp"
#include "strategies/plan/shard.hpp"
#include "strategies/programs/blocks/exchange.hpp"

namespace forerun {

// What the exchanges of all groups share.
struct ExchangeTerms {
  const Split& split;
  const TokenShape& shape;
  std::int64_t hidden;    // width of the residual stream
  double load;            // rows that the busiest rank's experts draw over the balanced number
  Bytes element;          // of an activation
  Bytes product_input;    // of an element of what is gathered for a product
  OverlapAbility ability;  // shares of communication that may be overlapped

  [[nodiscard]] Bytes bytes(std::int64_t elements) const { return static_cast<double>(elements) * element; }
  [[nodiscard]] Communication over(Flow flow, GroupKind group, std::int64_t elements, double overlapped) const {
    return {.flow = flow, .group = group, .elements = elements, .element = element, .hidden = overlapped};
  }
};

// Products cut by columns and by rows, and the statistics of a loss over slices of the vocabulary.
void add_tensor_exchanges(const ExchangeTerms&, const Operator&, OperatorExchanges&);
// The core of a mixer whose positions are spread over ranks.
void add_context_exchanges(const ExchangeTerms&, const Operator&, OperatorExchanges&);
// Copies of tokens on their way to experts, and results on their way back.
void add_expert_exchanges(const ExchangeTerms&, const Operator&, OperatorExchanges&);

}  // namespace forerun
