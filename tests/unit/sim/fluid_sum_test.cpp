// Does a sum forget what has left it?
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.hpp"
#include "sim/fluid_sum.hpp"

namespace forerun {
namespace {

TEST(RunningSum, KeepsASmallNumberBesideALargeOneThatLeaves) {
  RunningSum sum;
  sum.add(1);
  sum.add(1e16);
  sum.add(1);
  sum.subtract(1e16);  // plain doubles would leave 0 or 2: the neighbours of 1e16 are 2 away
  sum.subtract(1);
  EXPECT_EQ(sum.value(), 1);
  EXPECT_EQ(sum.left_of(3), 2);
}

TEST(RunningSum, ReturnsToWhatItWasAfterAMillionNumbersOfAllSizes) {
  RunningSum sum;
  sum.add(0.1);
  Random random(1);
  std::vector<double> numbers;
  for (int i = 0; i < 1'000'000; ++i) numbers.push_back(std::pow(10.0, 12 * random.uniform()));
  for (const double number : numbers) sum.add(number);
  for (const double number : numbers) sum.subtract(number);
  EXPECT_NEAR(sum.value(), 0.1,
              1e-9);  // of a sum that was about 4e16, to which a plain double adds roundings of 4 each time
}

}  // namespace
}  // namespace forerun
