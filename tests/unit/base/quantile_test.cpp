// Are quantiles those of their definition?
#include "base/quantile.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace forerun {
namespace {

TEST(Quantile, LiesBetweenNeighboursInProportion) {
  const std::vector<double> five{5, 1, 3, 2, 4};  // places 0 to 4
  EXPECT_DOUBLE_EQ(quantile(five, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(five, 0.5), 3);
  EXPECT_DOUBLE_EQ(quantile(five, 0.9), 4.6);  // place 3.6
  EXPECT_DOUBLE_EQ(quantile(five, 1), 5);
  EXPECT_DOUBLE_EQ(quantile({1, 2}, 0.5), 1.5);
  EXPECT_DOUBLE_EQ(quantile({7}, 0.9), 7);
  EXPECT_EQ(quantile({}, 0.9), 0);
}

TEST(Ninetieth, LeavesATenthAbove) { EXPECT_NEAR(std::erfc(ninetieth / std::numbers::sqrt2) / 2, 0.1, 1e-5); }

}  // namespace
}  // namespace forerun
