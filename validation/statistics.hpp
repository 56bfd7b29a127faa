// What scores say beyond errors (costmodel/fitting/errors.hpp): the best constant guess, and the order of pairs.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace forerun {

// The mean error of the best guess "every run reaches the same MFU": the smallest mean of |mfu_i / m - 1| over m, `mfu`
// being what the runs reached. A model must beat this to be worth anything.
double constant_mfu_error(const std::vector<double>& mfu);

// Pairs of (predicted, measured) whose order agrees or not; pairs of equal measured values are left out, equal
// predictions are neither.
struct PairOrder {
  std::size_t agree = 0, disagree = 0, tied = 0;
  [[nodiscard]] double tau() const;  // (agree - disagree) / all
  PairOrder& operator+=(const PairOrder&);
};
PairOrder pair_order(const std::vector<std::pair<double, double>>&);

}  // namespace forerun
