// (a^p + b^p)^(1/p): the larger of two times that overlap, and more where they are alike. p -> infinity is the maximum,
// p = 1 the sum.
#pragma once

#include <algorithm>
#include <cmath>

namespace forerun {

inline double smooth_maximum(double a, double b, double p) {
  const double large = std::max(a, b), small = std::min(a, b);
  if (small <= 0) return large;
  return large * std::pow(1 + std::pow(small / large, p), 1 / p);
}

}  // namespace forerun
