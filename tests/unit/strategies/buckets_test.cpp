// Are gradients cut into the pieces that backward completes?
#include <gtest/gtest.h>

#include "strategies/programs/steps/buckets.hpp"

namespace forerun {

bool operator==(const Bucket& a, const Bucket& b) {
  return a.first_unit == b.first_unit && a.last_unit == b.last_unit && a.elements == b.elements;
}

namespace {

constexpr std::int64_t M = 1'000'000;

std::vector<Bucket> cut(const std::vector<std::int64_t>& parameters, double size, int replicas) {
  std::vector<Bucket> list;
  cut_buckets(parameters, size, replicas, list);
  return list;
}

TEST(Buckets, AreFilledFromTheLastUnitOn) {
  // 100 M in two: the last unit has 40 of the 50, with the one before it 70; the others are the rest.
  EXPECT_EQ(cut({10 * M, 20 * M, 30 * M, 40 * M}, 50e6, 2), (std::vector<Bucket>{{2, 3, 70 * M}, {0, 1, 30 * M}}));
}

TEST(Buckets, OfEqualUnitsAreEqual) {
  EXPECT_EQ(cut({10 * M, 10 * M, 10 * M, 10 * M}, 20e6, 2), (std::vector<Bucket>{{2, 3, 20 * M}, {0, 1, 20 * M}}));
  EXPECT_EQ(cut({10 * M, 10 * M, 10 * M}, 100e6, 2), (std::vector<Bucket>{{0, 2, 30 * M}}));  // one holds all
}

TEST(Buckets, WithoutASizeAreUnits) {
  // Units without parameters wait for the one before them.
  EXPECT_EQ(cut({0, 5, 0, 7, 0}, 0, 2), (std::vector<Bucket>{{3, 4, 7}, {1, 2, 5}}));
}

TEST(Buckets, OfManyReplicasAreLarge) {
  // 64 replicas: no less than 64 M each, so 640 M are ten pieces though the size is 1 M.
  const std::vector<std::int64_t> units(20, 32 * M);
  const auto list = cut(units, 1e6, 64);
  ASSERT_EQ(list.size(), 10U);
  for (const Bucket& bucket : list) EXPECT_EQ(bucket.elements, 64 * M);
}

TEST(Buckets, OfNothingAreNone) {
  EXPECT_TRUE(cut({}, 1e6, 2).empty());
  EXPECT_TRUE(cut({0, 0}, 1e6, 2).empty());
}

}  // namespace
}  // namespace forerun
