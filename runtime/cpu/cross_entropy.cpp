#include "runtime/cpu/cross_entropy.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

#include "runtime/cpu/exponential.hpp"
#include "runtime/cpu/instantiate.hpp"
#include "runtime/cpu/largest.hpp"

namespace forerun {

namespace {

// Of all slices of a row: the largest logit, and the sum of e^(logit - largest).
template <class A>
std::pair<A, A> normaliser(std::span<const LossStatistics<A>> statistics, std::size_t rows, std::size_t row) {
  A largest = statistics[row].largest, sum = 0;
  for (std::size_t i = row; i < statistics.size(); i += rows) largest = std::max(largest, statistics[i].largest);
  for (std::size_t i = row; i < statistics.size(); i += rows)
    sum += statistics[i].sum * std::exp(statistics[i].largest - largest);
  return {largest, sum};
}

}  // namespace

template <class T>
void cross_entropy_forward(std::int64_t first, std::span<const T> logits, std::span<const std::int32_t> targets,
                           std::span<Arithmetic<T>> exponentials, std::span<LossStatistics<Arithmetic<T>>> statistics) {
  using A = Arithmetic<T>;
  const std::size_t rows = targets.size();
  if (rows == 0) return;
  const std::size_t columns = logits.size() / rows;
  assert(exponentials.size() == logits.size() && statistics.size() == rows);
  for (std::size_t i = 0; i < rows; ++i) {
    const T* row = logits.data() + i * columns;
    A* e = exponentials.data() + i * columns;
    const A most = largest_of<A>(row, static_cast<std::int64_t>(columns));
    A sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::size_t j = 0; j < columns; ++j) {
      e[j] = exponential(A(row[j]) - most);
      sum += e[j];
    }
    const std::int64_t target = targets[i] - first;
    const bool here = target >= 0 && target < static_cast<std::int64_t>(columns);
    statistics[i] = {most, sum, here ? A(row[target]) : -std::numeric_limits<A>::infinity()};
  }
}

template <class A>
void cross_entropy_losses(std::span<const LossStatistics<A>> statistics, std::span<A> losses) {
  const std::size_t rows = losses.size();
  assert(rows == 0 || statistics.size() % rows == 0);
  for (std::size_t i = 0; i < rows; ++i) {
    const auto [largest, sum] = normaliser(statistics, rows, i);
    A target = statistics[i].target;
    for (std::size_t j = i; j < statistics.size(); j += rows) target = std::max(target, statistics[j].target);
    losses[i] = std::log(sum) + largest - target;
  }
}

template <class T>
void cross_entropy_backward(std::int64_t first, int slice, Arithmetic<T> scale,
                            std::span<const Arithmetic<T>> exponentials,
                            std::span<const LossStatistics<Arithmetic<T>>> statistics,
                            std::span<const std::int32_t> targets, std::span<T> dlogits) {
  using A = Arithmetic<T>;
  const std::size_t rows = targets.size();
  if (rows == 0) return;
  const std::size_t columns = dlogits.size() / rows;
  assert(exponentials.size() == dlogits.size() && statistics.size() % rows == 0);
  for (std::size_t i = 0; i < rows; ++i) {
    const auto [largest, sum] = normaliser(statistics, rows, i);
    const A factor = scale * std::exp(statistics[static_cast<std::size_t>(slice) * rows + i].largest - largest) / sum;
    const A* e = exponentials.data() + i * columns;
    T* out = dlogits.data() + i * columns;
    for (std::size_t j = 0; j < columns; ++j) out[j] = T(factor * e[j]);
    const std::int64_t target = targets[i] - first;
    if (target >= 0 && target < static_cast<std::int64_t>(columns)) out[target] = T(factor * e[target] - scale);
  }
}

// NOLINTBEGIN(bugprone-macro-parentheses): the argument is a type
#define FORERUN_CROSS_ENTROPY(T)                                                                              \
  template void cross_entropy_forward<T>(std::int64_t, std::span<const T>, std::span<const std::int32_t>,     \
                                         std::span<Arithmetic<T>>, std::span<LossStatistics<Arithmetic<T>>>); \
  template void cross_entropy_backward<T>(std::int64_t, int, Arithmetic<T>, std::span<const Arithmetic<T>>,   \
                                          std::span<const LossStatistics<Arithmetic<T>>>,                     \
                                          std::span<const std::int32_t>, std::span<T>);
// NOLINTEND(bugprone-macro-parentheses)
FORERUN_FOR_EACH_NUMBER(FORERUN_CROSS_ENTROPY)
template void cross_entropy_losses<float>(std::span<const LossStatistics<float>>, std::span<float>);
template void cross_entropy_losses<double>(std::span<const LossStatistics<double>>, std::span<double>);

}  // namespace forerun
