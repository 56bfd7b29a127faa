// Does a fit find the parameters that made the samples, and stay within its bounds?
#include "costmodel/fitting/levenberg_marquardt.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace forerun {
namespace {

// t = launch + bytes / rate: launch 5, rate 2, at sizes 1, 2, 4, ... 2^19.
struct Line {
  std::vector<double> sizes, times;
};
Line line() {
  Line l;
  for (double size = 1; size < 1e6; size *= 2) l.sizes.push_back(size), l.times.push_back(5 + size / 2);
  return l;
}

Residuals residuals(const Line& l) {
  return [&l](std::span<const double> x, std::span<double> out) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = std::log((x[0] + l.sizes[i] / x[1]) / l.times[i]);
  };
}

const std::array<FitParameter, 2> launch_and_rate{{{"launch", 0.01, 1, 1000}, {"rate", 1e-3, 1, 1e3}}};

TEST(LevenbergMarquardt, FindsTheParametersOfExactSamples) {
  const Line l = line();
  const FitResult r = fit(launch_and_rate, l.sizes.size(), residuals(l));
  EXPECT_TRUE(r.converged);
  EXPECT_NEAR(r.values[0], 5, 5e-4);
  EXPECT_NEAR(r.values[1], 2, 2e-4);
  EXPECT_LT(r.loss, 1e-10);
}

TEST(LevenbergMarquardt, NoiseMovesTheParametersByLessThanItself) {
  Line l = line();
  for (std::size_t i = 0; i < l.times.size(); ++i)
    l.times[i] *= i % 2 == 0 ? 1.02 : 1 / 1.02;  // 2 % up and down in turn
  const FitResult r = fit(launch_and_rate, l.sizes.size(), residuals(l));
  EXPECT_NEAR(r.values[0], 5, 0.1);
  EXPECT_NEAR(r.values[1], 2, 0.04);
}

// Least squares would follow two samples that are ten times too slow: each adds (ln 10)^2 = 5.3 against 0 for the
// others. Under the loss they pull with the strength of a residual of its scale.
TEST(LevenbergMarquardt, OutliersCannotSteer) {
  Line l = line();
  l.times[15] *= 10, l.times[18] *= 10;
  const FitResult r = fit(launch_and_rate, l.sizes.size(), residuals(l));
  EXPECT_NEAR(r.values[0], 5, 0.25);
  EXPECT_NEAR(r.values[1], 2, 0.1);
}

// Beyond the scale of the loss too, where a residual of twice the size would not count as four.
TEST(LevenbergMarquardt, AWeightCountsAsRepeats) {
  const Line few{.sizes = {0, 0, 0}, .times = {1, 1.5, 4}},
      repeated{.sizes = {0, 0, 0, 0, 0}, .times = {1, 1, 1, 1.5, 4}};
  const std::array<FitParameter, 2> level{{{"level", 0.1, 2, 10}, {"rate", 1, 1, 1}}};
  const double once = fit(level, 3, residuals(few)).values[0];
  const double weighted = fit(level, 3, residuals(few), {.weights = {3, 1, 1}}).values[0];
  EXPECT_NEAR(weighted, fit(level, 5, residuals(repeated)).values[0], 1e-3);
  EXPECT_GT(once, 1.3 * weighted);  // the middle one of three; the first of five
}

TEST(LevenbergMarquardt, StopsAtABoundAndFitsTheRest) {
  const Line l = line();
  const std::array<FitParameter, 2> bounded{{{"launch", 6, 7, 8}, {"rate", 1e-3, 1, 1e3}}};
  const FitResult r = fit(bounded, l.sizes.size(), residuals(l));
  EXPECT_DOUBLE_EQ(r.values[0], 6);  // 5 is not allowed
  EXPECT_NEAR(r.values[1], 2, 0.05);
}

TEST(LevenbergMarquardt, EqualBoundsHoldAParameter) {
  const Line l = line();
  const std::array<FitParameter, 2> held{{{"launch", 5, 5, 5}, {"rate", 1e-3, 1, 1e3}}};
  const FitResult r = fit(held, l.sizes.size(), residuals(l));
  EXPECT_DOUBLE_EQ(r.values[0], 5);
  EXPECT_NEAR(r.values[1], 2, 1e-4);
}

// (ln x)^2 (ln x - 3)^2 + 0.01 (ln x - 3)^2 has a false minimum near ln x = 0 and its true one at 3. From x = 1 one
// start stays there.
TEST(LevenbergMarquardt, SeveralStartsEscapeAFalseMinimum) {
  const std::array<FitParameter, 1> parameter{{{"x", 0.5, 1, 40}}};
  const Residuals valley = [](std::span<const double> x, std::span<double> out) {
    const double y = std::log(x[0]);
    out[0] = y * (y - 3), out[1] = 0.1 * (y - 3);
  };
  const FitResult one = fit(parameter, 2, valley, {.loss_scale = 10, .starts = 1});
  const FitResult many = fit(parameter, 2, valley, {.loss_scale = 10, .starts = 10});
  EXPECT_LT(one.values[0], 2);
  EXPECT_NEAR(many.values[0], std::exp(3), 0.01);
}

TEST(LevenbergMarquardt, EqualSeedsGiveEqualBits) {
  const Line l = line();
  const FitResult a = fit(launch_and_rate, l.sizes.size(), residuals(l), {.seed = 7});
  const FitResult b = fit(launch_and_rate, l.sizes.size(), residuals(l), {.seed = 7});
  EXPECT_EQ(a.values, b.values);
  EXPECT_EQ(a.loss, b.loss);
}

TEST(LevenbergMarquardt, ResidualsThatAreNotNumbersAreAvoided) {
  const std::array<FitParameter, 1> parameter{{{"x", 0.1, 0.5, 10}}};
  const Residuals partly = [](std::span<const double> x, std::span<double> out) {
    out[0] = x[0] > 5 ? std::nan("") : std::log(x[0] / 4);
  };
  EXPECT_NEAR(fit(parameter, 1, partly).values[0], 4, 1e-3);
}

}  // namespace
}  // namespace forerun
