// What the members of tensor, context and expert parallel groups exchange around the operators of a block.
#pragma once

#include <vector>

#include "strategies/plan/scenario.hpp"
#include "strategies/plan/shard.hpp"
#include "strategies/programs/blocks/exchange.hpp"

namespace forerun {

// One for each of `operators`, which read and add to a residual stream of width `hidden`.
std::vector<OperatorExchanges> block_exchanges(const Scenario&, std::int64_t hidden, const Split&, const TokenShape&,
                                               const std::vector<Operator>& operators);

}  // namespace forerun
