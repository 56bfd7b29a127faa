// Groups of ranks, by what they have in common. rank_grid.hpp says who is in them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace forerun {

// Groups of ranks that talk to each other.
enum class GroupKind : std::uint8_t {
  tp,
  cp,
  ep,
  etp,
  dp,
  expert_dp,  // copies of the dense part and of the routed experts: all-reduce, or ZeRO over all of them
  shard,
  expert_shard,  // HSDP: ranks that share one copy
  replica,
  expert_replica,  // HSDP: ranks that hold the same shard
  next_stage,
  ends,  // neighbours in a pipeline; its first and last stage
  mirror,  // DualPipe: stages s and K - 1 - s hold copies of each other's chunks
};
inline constexpr std::size_t group_count = 13;

}  // namespace forerun
