// The tokens of a micro-batch that one rank has, and their positions.
#pragma once

#include <cstdint>
#include <vector>

#include "executor/ranks/rank_context.hpp"

namespace forerun {

// Of a sequence, on a rank of a context-parallel group: ascending.
std::vector<std::int32_t> positions_of(const Plan&, std::int64_t length, int cp_rank);

enum class TokenUse : std::uint8_t { input, target };
// Of the micro-batch at work, sequence by sequence.
std::vector<std::int32_t> tokens_at_work(const RankContext&, TokenUse);

}  // namespace forerun
