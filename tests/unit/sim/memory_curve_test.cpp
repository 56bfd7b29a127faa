// Does the curve give the running sum, its peak, and what the peak is made of?
#include "sim/memory_curve.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace forerun {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Point = MemoryCurve::Point;

TEST(MemoryCurve, FindsThePeakAndWhoIsAlive) {
  MemoryCurve curve;
  curve.add(1, 10, 0);
  curve.add(2, 5, 2);
  curve.add(3, -10, 0);
  curve.add(4, 12, 1);  // 17: the peak
  curve.add(5, -5, 2);
  curve.add(6, 5, 0);  // 17 again
  EXPECT_EQ(curve.peak(), 17);
  EXPECT_EQ(curve.peak_position(), 4u);
  EXPECT_EQ(curve.bytes(), 17);
  EXPECT_THAT(curve.alive_at_peak(), ElementsAre(0, 12, 5));
}

TEST(MemoryCurve, CountsAnAllocationBeforeTheReleaseThatFollowsIt) {
  MemoryCurve curve;
  curve.add(1, 8, 0);
  curve.add(2, 8, 0);
  curve.add(2, -8, 0);
  EXPECT_EQ(curve.peak(), 16);
  EXPECT_THAT(curve.points(), ElementsAre(Point{1, 8}, Point{2, 8}));
}

TEST(MemoryCurve, OfNothingIsZero) {
  const MemoryCurve curve;
  EXPECT_EQ(curve.peak(), 0);
  EXPECT_EQ(curve.peak_position(), 0u);
  EXPECT_THAT(curve.alive_at_peak(), IsEmpty());
  EXPECT_THAT(curve.points(), IsEmpty());
}

TEST(MemoryCurve, IsExactWhereDoublesAreNot) {
  MemoryCurve curve;
  curve.add(0, std::int64_t{1} << 60, 0);
  curve.add(1, 1, 1);
  EXPECT_EQ(curve.peak(), (std::int64_t{1} << 60) + 1);
}

}  // namespace
}  // namespace forerun
