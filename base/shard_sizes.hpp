// How n elements are cut over k ranks: closed form, lowering and communicators alike.
#pragma once

#include <algorithm>
#include <cstdint>

namespace forerun {

// The largest and the smallest share: ceil and floor.
struct ShardSizes {
  std::int64_t largest, smallest;
};
constexpr ShardSizes shard_sizes(std::int64_t n, std::int64_t k) { return {(n + k - 1) / k, n / k}; }

// The elements of one rank: those with a larger share come first.
struct Shard {
  std::int64_t first, count;
};
constexpr Shard shard_of(std::int64_t n, std::int64_t k, std::int64_t rank) {
  const std::int64_t larger = std::min(rank, n % k);
  return {rank * (n / k) + larger, n / k + (rank < n % k ? 1 : 0)};
}
static_assert(shard_of(7, 3, 0).count == 3 && shard_of(7, 3, 1).first == 3 && shard_of(7, 3, 2).first == 5 &&
              shard_of(7, 3, 2).count == 2);

}  // namespace forerun
