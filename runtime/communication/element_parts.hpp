// Which elements of a collective's tensors are whose.
#pragma once

#include <numeric>
#include <span>

#include "base/shard_sizes.hpp"
#include "runtime/communication/communicator.hpp"

namespace forerun {

// A rank's shard of a tensor.
inline Elements shard_of(const Elements& whole, int ranks, int rank) {
  const Shard of = shard_of(whole.count, ranks, rank);
  return whole.part(of.first, of.count);
}

// What an all-to-all sends to a rank, or receives from it.
inline Elements part_of(const Elements& tensor, std::span<const std::int64_t> counts, int rank) {
  const auto at = counts.begin() + rank;
  return tensor.part(std::accumulate(counts.begin(), at, std::int64_t{0}), *at);
}

}  // namespace forerun
