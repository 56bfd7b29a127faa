// Do the scores mean what their header says?
#include "validation/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace forerun {
namespace {

TEST(ConstantMfu, OfEqualRunsIsExact) { EXPECT_DOUBLE_EQ(constant_mfu_error({0.4, 0.4, 0.4}), 0); }

TEST(ConstantMfu, IsTheBestGuessThatThereIs) {
  // Guess 0.5 for runs that reached 0.5 and 0.25: the second takes twice the predicted time, error 0.25 / 0.5 - 1 =
  // -0.5. Guess 0.25: the first is predicted twice as long, error +1. Any guess between them errs by more than 0.5 in
  // sum.
  EXPECT_DOUBLE_EQ(constant_mfu_error({0.5, 0.25}), 0.25);
  const std::vector<double> mfu{0.31, 0.42, 0.18, 0.55, 0.37, 0.44};
  const double best = constant_mfu_error(mfu);
  for (double guess = 0.1; guess < 0.7; guess += 0.001) {
    double sum = 0;
    for (const double m : mfu) sum += std::abs(m / guess - 1);
    EXPECT_LE(best, sum / 6 + 1e-12) << guess;
  }
}

TEST(PairOrder, CountsPairsAndLeavesOutEqualMeasurements) {
  // (1,1) (2,3) (3,2) (3,2): agree 12, 13, 14; disagree 23, 24; 34 measured equal.
  const PairOrder order = pair_order({{1, 1}, {2, 3}, {3, 2}, {3, 2}});
  EXPECT_EQ(order.agree, 3U);
  EXPECT_EQ(order.disagree, 2U);
  EXPECT_DOUBLE_EQ(order.tau(), 0.2);
  EXPECT_EQ(pair_order({{1, 1}, {1, 2}}).tau(), 0);  // equal predictions say nothing
}

}  // namespace
}  // namespace forerun
