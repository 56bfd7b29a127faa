// Are errors summed up as their header says, and read back as files have them?
#include "costmodel/fitting/errors.hpp"

#include <gtest/gtest.h>

#include "base/files/yaml.hpp"

namespace forerun {
namespace {

TEST(ErrorSummary, OfFiveErrorsByHand) {
  // Sizes in order: 0.05 0.1 0.2 0.3 0.5; the p90 is at place 0.9 x 4 = 3.6, counted from 0.
  const ErrorSummary s = summarise({-0.1, 0.2, -0.3, 0.05, 0.5});
  EXPECT_EQ(s.n, 5U);
  EXPECT_DOUBLE_EQ(s.mape, 1.15 / 5);
  EXPECT_DOUBLE_EQ(s.median, 0.2);
  EXPECT_DOUBLE_EQ(s.p90, 0.3 + 0.6 * 0.2);
  EXPECT_DOUBLE_EQ(s.worst, 0.5);
  EXPECT_DOUBLE_EQ(s.bias, 0.35 / 5);
}

TEST(ErrorSummary, OfTenTheMedianLiesBetweenTwo) {
  const ErrorSummary s = summarise({0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0});
  EXPECT_DOUBLE_EQ(s.p90, 0.9 + 0.1 * 0.1);  // place 8.1
  EXPECT_DOUBLE_EQ(s.median, 0.55);
}

TEST(ErrorSummary, OfNothingIsZero) { EXPECT_EQ(summarise({}), ErrorSummary{}); }

TEST(FitError, IsTheMedianAndTheNinetiethPercentileOfSizes) {
  const FitError e = fit_error({-0.1, 0.2, -0.3, 0.05, 0.5});
  EXPECT_DOUBLE_EQ(e.median, 0.2);
  EXPECT_DOUBLE_EQ(e.p90, 0.42);
}

TEST(FitError, IsWrittenAndReadToFourDigits) {
  EXPECT_EQ(to_yaml(FitError{0.06666, 0.5}), "{median: 0.0667, p90: 0.5000}");
  auto doc = YamlDocument::parse("{median: 0.0667, p90: 0.5000}", "errors.yaml");
  ASSERT_TRUE(doc);
  EXPECT_EQ(read_fit_error(doc->root()), (FitError{0.0667, 0.5}));
  EXPECT_TRUE(doc->problems().empty());
}

}  // namespace
}  // namespace forerun
