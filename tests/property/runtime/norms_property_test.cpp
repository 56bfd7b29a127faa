// Are the gradients of norms those of finite differences?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "runtime/cpu/norms.hpp"
#include "tests/support/gradients.hpp"

namespace forerun {
namespace {

using namespace test;

constexpr double epsilon = 1e-5;

struct Case {
  std::int64_t rows = any(1, 5), width = any(3, 20);  // of two numbers, LayerNorm knows only which is larger
  Numbers x = numbers(rows * width), w = numbers(width), b = numbers(width), dy = numbers(rows * width), y = dy;
  Numbers dx = y, dw = Numbers(w.size()), db = dw;
};

RC_GTEST_PROP(RmsNorm, HasTheGradientsOfItsFunction, ()) {
  Case c;
  const auto f = [&] { return rms_norm_forward<double>(epsilon, c.x, c.w, c.y), dot(c.y, c.dy); };
  rms_norm_backward<double>(epsilon, c.x, c.w, c.dy, c.dx, c.dw);
  RC_ASSERT(distance(c.dx, differences(c.x, f)) < close_to_differences);
  RC_ASSERT(distance(c.dw, differences(c.w, f)) < close_to_differences);
}

RC_GTEST_PROP(LayerNorm, HasTheGradientsOfItsFunction, ()) {
  Case c;
  const auto f = [&] { return layer_norm_forward<double>(epsilon, c.x, c.w, c.b, c.y), dot(c.y, c.dy); };
  layer_norm_backward<double>(epsilon, c.x, c.w, c.dy, c.dx, c.dw, c.db);
  RC_ASSERT(distance(c.dx, differences(c.x, f)) < close_to_differences);
  RC_ASSERT(distance(c.dw, differences(c.w, f)) < close_to_differences);
  RC_ASSERT(distance(c.db, differences(c.b, f)) < close_to_differences);
}

template <class T>
void check_against_double(double tolerance) {
  const std::int64_t rows = any(1, 5), width = any(1, 200);
  const auto x = as<T>(numbers(rows * width)), w = as<T>(numbers(width)), dy = as<T>(numbers(rows * width));
  std::vector<T> y(x.size()), dx(x.size());
  std::vector<Arithmetic<T>> dw(w.size());
  Numbers wide_y(x.size()), wide_dx(x.size()), wide_dw(w.size());
  rms_norm_forward<T>(epsilon, x, w, y);
  rms_norm_forward<double>(epsilon, back(x), back(w), wide_y);
  rms_norm_backward<T>(epsilon, x, w, dy, dx, dw);
  rms_norm_backward<double>(epsilon, back(x), back(w), back(dy), wide_dx, wide_dw);
  RC_ASSERT(distance(back(y), wide_y) < tolerance);
  if (width > 4)
    RC_ASSERT(distance(back(dx), wide_dx) < 10 * tolerance);  // differences of near numbers where the width is small
  RC_ASSERT(distance(back(dw), wide_dw) < 1e-5);
}

RC_GTEST_PROP(RmsNorm, IsTheSameFunctionInFp32, ()) { check_against_double<float>(2e-6); }
RC_GTEST_PROP(RmsNorm, IsTheSameFunctionInBf16, ()) { check_against_double<BFloat16>(0x1p-8); }

// By hand: rms of (3, 4) is sqrt(12.5); with w = (1, 2), y = (3, 8) / sqrt(12.5).
TEST(RmsNorm, OfAnExample) {
  Numbers y(2);
  rms_norm_forward<double>(0, Numbers{3, 4}, Numbers{1, 2}, y);
  EXPECT_NEAR(y[0], 3 / std::sqrt(12.5), 1e-15);
  EXPECT_NEAR(y[1], 8 / std::sqrt(12.5), 1e-15);
}
// Mean 5, variance 4: y = (-1, 1) w + b.
TEST(LayerNorm, OfAnExample) {
  Numbers y(2);
  layer_norm_forward<double>(0, Numbers{3, 7}, Numbers{1, 2}, Numbers{10, 20}, y);
  EXPECT_NEAR(y[0], 9, 1e-14);
  EXPECT_NEAR(y[1], 22, 1e-14);
}

}  // namespace
}  // namespace forerun
