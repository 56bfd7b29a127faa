// Are the gradients of linear layers those of finite differences, and does W add?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "runtime/backend.hpp"
#include "tests/support/gradients.hpp"

namespace forerun {
namespace {

using namespace test;
using std::span;

// The CPU's.
template <class T>
Operators<T>& table() {
  static const std::unique_ptr<Backend> backend = make_cpu_backend();
  return backend->operators<T>();
}

RC_GTEST_PROP(Linear, HasTheGradientsOfItsFunction, ()) {
  const LinearShape s{any(1, 6), any(1, 6), any(1, 6)};
  Numbers x = numbers(s.rows * s.in), w = numbers(s.in * s.out), y = numbers(s.rows * s.out);
  const Numbers dy = numbers(s.rows * s.out);
  const auto f = [&] {
    table<double>().linear_forward(s, x, w, y);
    return dot(y, dy);
  };
  Numbers dx(x.size());
  table<double>().linear_input_gradient(s, dy, w, dx);
  RC_ASSERT(distance(dx, differences(x, f)) < close_to_differences);

  const Numbers before = numbers(s.in * s.out);
  Numbers dw = before;
  table<double>().linear_weight_gradient(s, x, dy, dw);
  Numbers w_sum = differences(w, f);
  for (std::size_t i = 0; i < w.size(); ++i) w_sum[i] += before[i];
  RC_ASSERT(distance(dw, w_sum) < close_to_differences);
}

// Columns of W cut over ranks give columns of Y; rows of W give parts that add up.
RC_GTEST_PROP(Linear, IsTheSumOfItsRowCuts, ()) {
  const std::int64_t rows = any(1, 6), half = any(1, 5), out = any(1, 6);
  const LinearShape whole{rows, 2 * half, out}, part{rows, half, out};
  const Numbers x = numbers(rows * 2 * half), w = numbers(2 * half * out);
  Numbers y(static_cast<std::size_t>(rows * out)), sum(y.size());
  table<double>().linear_forward(whole, x, w, y);
  for (std::int64_t cut = 0; cut < 2; ++cut) {
    Numbers slice, partial(y.size());
    for (std::int64_t i = 0; i < rows; ++i)
      slice.insert(slice.end(), x.begin() + i * 2 * half + cut * half, x.begin() + i * 2 * half + (cut + 1) * half);
    table<double>().linear_forward(
        part, slice, span(w).subspan(static_cast<std::size_t>(cut * half * out), static_cast<std::size_t>(half * out)),
        partial);
    for (std::size_t i = 0; i < y.size(); ++i) sum[i] += partial[i];
  }
  RC_ASSERT(distance(y, sum) < the_same);
}

template <class T>
void check_against_double(double tolerance) {
  const LinearShape s{any(1, 40), any(1, 40), any(1, 40)};
  const auto x = as<T>(numbers(s.rows * s.in)), w = as<T>(numbers(s.in * s.out)), dy = as<T>(numbers(s.rows * s.out));
  std::vector<T> y(dy.size()), dx(x.size());
  std::vector<Arithmetic<T>> dw(w.size());
  table<T>().linear_forward(s, x, w, y);
  table<T>().linear_input_gradient(s, dy, w, dx);
  table<T>().linear_weight_gradient(s, x, dy, dw);
  Numbers wide_y(y.size()), wide_dx(x.size()), wide_dw(w.size());
  table<double>().linear_forward(s, back(x), back(w), wide_y);
  table<double>().linear_input_gradient(s, back(dy), back(w), wide_dx);
  table<double>().linear_weight_gradient(s, back(x), back(dy), wide_dw);
  RC_ASSERT(distance(back(y), wide_y) < tolerance);
  RC_ASSERT(distance(back(dx), wide_dx) < tolerance);
  RC_ASSERT(distance(back(dw), wide_dw) < 1e-6);  // sums are held in fp32 by both
}

RC_GTEST_PROP(Linear, IsTheSameFunctionInFp32, ()) { check_against_double<float>(1e-6); }
RC_GTEST_PROP(Linear, IsTheSameFunctionInBf16, ()) { check_against_double<BFloat16>(0x1p-8); }

}  // namespace
}  // namespace forerun
