// Are the gradients of activations, lookups, moved rows and rotary positions those of finite differences?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numbers>

#include "runtime/cpu/activations.hpp"
#include "runtime/cpu/elementwise.hpp"
#include "runtime/cpu/embedding.hpp"
#include "runtime/cpu/rotary.hpp"
#include "tests/support/gradients.hpp"

namespace forerun {
namespace {

using namespace test;
using Indices = std::vector<std::int32_t>;

Indices indices(std::int64_t count, int below) {
  Indices list(static_cast<std::size_t>(count));
  for (std::int32_t& index : list) index = any(0, below);
  return list;
}

Numbers times(double factor, Numbers list) {
  for (double& number : list) number *= factor;
  return list;
}

RC_GTEST_PROP(Gelu, HasTheGradientOfItsFunction, ()) {
  Numbers x = times(4, numbers(any(1, 30))), y = x, dx = x;
  const Numbers dy = numbers(std::ssize(x));
  gelu_backward<double>(x, dy, dx);
  RC_ASSERT(distance(dx, differences(x, [&] { return gelu_forward<double>(x, y), dot(y, dy); })) <
            close_to_differences);
}

RC_GTEST_PROP(SwiGlu, HasTheGradientOfItsFunction, ()) {
  const std::int64_t rows = any(1, 5), width = any(1, 9);
  Numbers x = times(4, numbers(2 * rows * width)), dx = x;
  const Numbers dy = numbers(rows * width);
  Numbers y = dy;
  swiglu_backward<double>(width, x, dy, dx);
  RC_ASSERT(distance(dx, differences(x, [&] { return swiglu_forward<double>(width, x, y), dot(y, dy); })) <
            close_to_differences);
}

RC_GTEST_PROP(Rotary, HasTheGradientOfItsFunctionAndKeepsLengths, ()) {
  const RotaryShape s{.rows = 2 * any(1, 4), .heads = any(1, 4), .head_dim = 2 * any(1, 5)};
  const std::int64_t width = s.heads * s.head_dim, stride = width + any(0, 3);
  Numbers x = numbers(s.rows * stride), y(x.size()), dx(x.size());
  Numbers dy = numbers(s.rows * stride);
  for (std::int64_t i = 0; i < std::ssize(dy); ++i)
    dy[static_cast<std::size_t>(i)] *= i % stride < width;  // the rest is not its own
  const Indices positions = indices(s.rows / 2, 100);
  Numbers table(positions.size() * static_cast<std::size_t>(s.head_dim));
  fill_rotary_table<double>(10000, s.head_dim, positions, table);
  const auto f = [&] { return rotary_forward<double>(s, table, {x.data(), stride}, {y.data(), stride}), dot(y, dy); };
  rotary_backward<double>(s, table, {dy.data(), stride}, {dx.data(), stride});
  RC_ASSERT(distance(dx, differences(x, f)) < close_to_differences);
  Numbers again(x.size());
  rotary_backward<double>(s, table, {y.data(), stride}, {again.data(), stride});
  for (std::int64_t i = 0; i < std::ssize(x); ++i) x[static_cast<std::size_t>(i)] *= i % stride < width;
  RC_ASSERT(distance(again, x) < the_same);
}

// The score of a query and a key depends on how far apart they are, not on where they are: what an offset relies on.
RC_GTEST_PROP(Rotary, ScoresDependOnDistance, ()) {
  const int head_dim = 2 * any(1, 5), away = any(0, 50), offset = any(0, 1000);
  const RotaryShape s{.rows = 2, .heads = 1, .head_dim = head_dim};
  const Numbers x = numbers(2 * head_dim);
  const auto score = [&](int first) {
    Numbers table(x.size()), y(x.size());
    fill_rotary_table<double>(10000, head_dim, Indices{first, first + away}, table);
    rotary_forward<double>(s, table, {x.data(), head_dim}, {y.data(), head_dim});
    double sum = 0;
    for (int i = 0; i < head_dim; ++i)
      sum += y[static_cast<std::size_t>(i)] * y[static_cast<std::size_t>(i + head_dim)];
    return sum;
  };
  RC_ASSERT(std::abs(score(0) - score(offset)) < 1e-11);
}

// By hand: (1, 0) at position 1, theta anything, turned by one radian.
TEST(Rotary, OfAnExample) {
  Numbers table(2), y(2);
  fill_rotary_table<double>(10000, 2, Indices{1}, table);
  const Numbers x{1, 0};
  rotary_forward<double>({.rows = 1, .heads = 1, .head_dim = 2}, table, {x.data(), 2}, {y.data(), 2});
  EXPECT_DOUBLE_EQ(y[0], std::cos(1));
  EXPECT_DOUBLE_EQ(y[1], std::sin(1));
}

RC_GTEST_PROP(Embedding, HasTheGradientOfItsFunctionAndIsTheSumOfItsSlices, ()) {
  const std::int64_t width = any(1, 6), vocab = any(1, 9), tokens = any(1, 9),
                     cut = any(0, static_cast<int>(vocab) + 1);
  Numbers table = numbers(vocab * width), y(static_cast<std::size_t>(tokens * width)), gradient(table.size());
  const Numbers dy = numbers(tokens * width);
  const Indices which = indices(tokens, static_cast<int>(vocab));
  embedding_weight_gradient<double>(width, 0, which, dy, gradient);
  const auto f = [&] { return embedding_forward<double>(width, 0, which, table, y), dot(y, dy); };
  RC_ASSERT(distance(gradient, differences(table, f)) < close_to_differences);

  const auto at = static_cast<std::size_t>(cut * width);
  Numbers low(y.size()), high(y.size()), cut_gradient(table.size());
  const std::span<const double> all(table);
  embedding_forward<double>(width, 0, which, all.first(at), low);
  embedding_forward<double>(width, cut, which, all.subspan(at), high);
  for (std::size_t i = 0; i < y.size(); ++i) RC_ASSERT(low[i] + high[i] == y[i]);
  embedding_weight_gradient<double>(width, 0, which, dy, std::span(cut_gradient).first(at));
  embedding_weight_gradient<double>(width, cut, which, dy, std::span(cut_gradient).subspan(at));
  RC_ASSERT(cut_gradient == gradient);
}

RC_GTEST_PROP(GatheredRows, AreThoseThatTheListNames, ()) {
  const std::int64_t width = any(1, 5), rows = any(1, 6), copies = any(1, 9);
  const Numbers x = numbers(rows * width);
  Numbers y(static_cast<std::size_t>(copies * width));
  const Indices which = indices(copies, static_cast<int>(rows));
  gather_rows<double>(width, x, which, y);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const auto wide = static_cast<std::size_t>(width), row = static_cast<std::size_t>(which[i / wide]);
    RC_ASSERT(y[i] == x[row * wide + i % wide]);
  }
}

template <class T>
void check_activations(double tolerance) {
  const std::int64_t width = any(1, 60);
  const auto x = as<T>(times(6, numbers(2 * width))), dy = as<T>(numbers(2 * width));
  std::vector<T> y(x.size()), dx(x.size()), z(x.size() / 2), dz(x.size());
  const auto dy_half = std::span(dy).first(z.size());
  Numbers wide_y(y.size()), wide_dx(x.size()), wide_z(z.size()), wide_dz(x.size());
  gelu_forward<T>(x, y), gelu_backward<T>(x, dy, dx), swiglu_forward<T>(width, x, z),
      swiglu_backward<T>(width, x, dy_half, dz);
  const Numbers wide_x = back(x), wide_dy = back(dy);
  gelu_forward<double>(wide_x, wide_y), gelu_backward<double>(wide_x, wide_dy, wide_dx);
  swiglu_forward<double>(width, wide_x, wide_z),
      swiglu_backward<double>(width, wide_x, std::span(wide_dy).first(z.size()), wide_dz);
  RC_ASSERT(distance(back(y), wide_y) < tolerance);
  RC_ASSERT(distance(back(dx), wide_dx) < tolerance);
  RC_ASSERT(distance(back(z), wide_z) < tolerance);
  RC_ASSERT(distance(back(dz), wide_dz) < tolerance);
}

RC_GTEST_PROP(Activations, AreTheSameFunctionsInFp32, ()) { check_activations<float>(1e-5); }
RC_GTEST_PROP(Activations, AreTheSameFunctionsInBf16, ()) { check_activations<BFloat16>(0x1p-8); }

TEST(Elementwise, AddsAndNarrows) {
  std::vector<BFloat16> a{1.5f, -2.f}, sum(2);
  add<BFloat16>(a, std::vector<BFloat16>{0.25f, 4.f}, sum);
  EXPECT_EQ(float{sum[0]}, 1.75f);
  EXPECT_EQ(float{sum[1]}, 2.f);
  narrow<BFloat16>(std::vector<float>{0.1f, 7}, sum);
  EXPECT_EQ(float{sum[0]}, 0x1.9ap-4f);  // 0.1 to eight bits of mantissa
}

}  // namespace
}  // namespace forerun
