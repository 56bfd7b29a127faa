// Which elements of a collective's tensors are whose.
#pragma once

#include <cassert>
#include <numeric>
#include <span>

#include "base/shard_sizes.hpp"
#include "runtime/communicator.hpp"

namespace forerun {

// A rank's shard of a tensor, in rows of `row` elements.
inline Elements shard_of(const Elements& whole, int ranks, int rank, std::int64_t row) {
  assert(whole.count % row == 0);
  const Shard of = shard_of(whole.count / row, ranks, rank);
  return whole.part(of.first * row, of.count * row);
}

// What an all-to-all sends to a rank, or receives from it.
inline Elements part_of(const Elements& tensor, std::span<const std::int64_t> counts, int rank) {
  const auto at = counts.begin() + rank;
  return tensor.part(std::accumulate(counts.begin(), at, std::int64_t{0}), *at);
}

}  // namespace forerun
