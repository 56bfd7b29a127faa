// Are the bytes on the wire those that a ring really sends, also where it does not divide them?
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "costmodel/collectives/collective.hpp"

namespace forerun {
namespace {

TEST(ShardSizes, AreTheCeilingAndTheFloor) {
  EXPECT_EQ(shard_sizes(10, 4).largest, 3);
  EXPECT_EQ(shard_sizes(10, 4).smallest, 2);
  EXPECT_EQ(shard_sizes(8, 4).largest, 2);
  EXPECT_EQ(shard_sizes(8, 4).smallest, 2);
  EXPECT_EQ(shard_sizes(3, 4).largest, 1);
  EXPECT_EQ(shard_sizes(3, 4).smallest, 0);
}

// A ring of k over n elements, step by step: in step t of a pass, rank r sends shard r - t to rank r + 1. After the
// reducing pass rank r holds the sum of shard r + 1; it starts the gathering pass with that. The first n % k shards are
// one longer.
struct Ring {
  Ring(std::int64_t n, int k) : n_(n), k_(k), sent(static_cast<std::size_t>(k), 0) {}
  void reduce_scatter() { pass(0); }
  void all_gather() { pass(1); }
  [[nodiscard]] std::int64_t busiest() const { return *std::max_element(sent.begin(), sent.end()); }

  void pass(int ahead) {
    for (int step = 0; step < k_ - 1; ++step) {
      for (int rank = 0; rank < k_; ++rank) {
        const int shard = ((rank + ahead - step) % k_ + k_) % k_;
        sent[static_cast<std::size_t>(rank)] +=
            shard < n_ % k_ ? shard_sizes(n_, k_).largest : shard_sizes(n_, k_).smallest;
      }
    }
  }
  std::int64_t n_;
  int k_;
  std::vector<std::int64_t> sent;
};

TEST(WireBytes, AreThoseOfTheBusiestRankOfARing) {
  for (int k = 1; k <= 9; ++k) {
    for (std::int64_t n = 0; n <= 40; ++n) {
      Ring scatter(n, k), gather(n, k), both(n, k);
      scatter.reduce_scatter();
      gather.all_gather();
      both.reduce_scatter();
      both.all_gather();
      const auto bytes = [](std::int64_t elements) { return static_cast<double>(elements) * Bytes{2}; };
      EXPECT_EQ(wire_bytes(CollectiveKind::reduce_scatter, n, Bytes{2}, k), bytes(scatter.busiest()))
          << n << " over " << k;
      EXPECT_EQ(wire_bytes(CollectiveKind::all_gather, n, Bytes{2}, k), bytes(gather.busiest())) << n << " over " << k;
      EXPECT_EQ(wire_bytes(CollectiveKind::all_reduce, n, Bytes{2}, k), bytes(both.busiest())) << n << " over " << k;
    }
  }
}

TEST(WireBytes, OfAnAllToAllKeepOnesOwnShare) {
  for (int k = 2; k <= 9; ++k) {
    for (std::int64_t n = 0; n <= 40; ++n) {
      std::int64_t busiest = 0;
      for (int own = 0; own < k; ++own) {
        std::int64_t sent = 0;
        for (int to = 0; to < k; ++to) sent += to == own ? 0 : n / k + (to < n % k ? 1 : 0);
        busiest = std::max(busiest, sent);
      }
      EXPECT_EQ(wire_bytes(CollectiveKind::all_to_all, n, Bytes{4}, k), static_cast<double>(busiest) * Bytes{4});
    }
  }
}

TEST(WireBytes, AreTheTextbooksShareWhereTheSizeDivides) {
  constexpr std::int64_t n = 840;  // 1 to 8 divide it
  for (int k = 2; k <= 8; ++k) {
    EXPECT_EQ(wire_bytes(CollectiveKind::all_reduce, n, Bytes{1}, k), Bytes{2.0 * n * (k - 1) / k});
    EXPECT_EQ(wire_bytes(CollectiveKind::all_gather, n, Bytes{1}, k), Bytes{1.0 * n * (k - 1) / k});
    EXPECT_EQ(wire_bytes(CollectiveKind::send, n, Bytes{1}, k), Bytes{n});
    EXPECT_EQ(wire_bytes(CollectiveKind::broadcast, n, Bytes{1}, k), Bytes{n});
  }
}

TEST(WireBytes, OfOneRankAreNone) {
  for (const auto kind :
       {CollectiveKind::all_reduce, CollectiveKind::all_gather, CollectiveKind::all_to_all, CollectiveKind::send})
    EXPECT_EQ(wire_bytes(kind, 100, Bytes{2}, 1), Bytes{0});
}

}  // namespace
}  // namespace forerun
