// Random tensors, and whether a gradient is that of a function: central differences in fp64.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/random.hpp"
#include "tests/support/cases.hpp"

namespace forerun::test {

using Numbers = std::vector<double>;

// `count` numbers between -1 and 1, drawn from RapidCheck's seed.
inline Numbers numbers(std::int64_t count) {
  Random random(static_cast<std::uint64_t>(any(1, 1 << 30)));
  Numbers list(static_cast<std::size_t>(count));
  for (double& number : list) number = 2 * random.uniform() - 1;
  return list;
}

inline double dot(const Numbers& a, const Numbers& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

inline double largest(const Numbers& list) {
  double most = 0;
  for (const double number : list) most = std::max(most, std::abs(number));
  return most;
}

// The largest difference of two lists over the largest number in them.
inline double distance(const Numbers& a, const Numbers& b) {
  if (a.size() != b.size()) return INFINITY;
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  const double scale = std::max(largest(a), largest(b));
  return scale > 0 ? most / scale : 0;
}

// For each number of x, which `f` reads: (8 (f(x + h) - f(x - h)) - f(x + 2h) + f(x - 2h)) / 12h. Its error is h^4 / 30
// times the fifth derivative, 3e-18, and the rounding of f over h, 1e-12 for an f of 1. x and what f writes are left as
// they were.
inline Numbers differences(Numbers& x, const std::function<double()>& f) {
  constexpr double h = 1e-4;
  Numbers gradient(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double at = x[i];
    const auto beside = [&](double steps) {
      x[i] = at + steps * h;
      return f();
    };
    gradient[i] = (8 * (beside(1) - beside(-1)) - beside(2) + beside(-2)) / (12 * h);
    x[i] = at;
  }
  f();
  return gradient;
}

inline constexpr double close_to_differences = 1e-6;  // relative to the gradient's largest element
inline constexpr double the_same = 1e-12;  // but for the order of sums

template <class T>
std::vector<T> as(const Numbers& list) {
  std::vector<T> out;
  for (const double number : list) out.push_back(static_cast<T>(static_cast<float>(number)));
  return out;
}
template <class T>
Numbers back(const std::vector<T>& list) {
  Numbers out;
  for (const T number : list) out.push_back(static_cast<double>(number));
  return out;
}

}  // namespace forerun::test
