// The loss over slices of the vocabulary (runtime/cpu/cross_entropy.hpp).
#pragma once

#include <cmath>

#include "runtime/cpu/cross_entropy.hpp"
#include "runtime/cuda/kernels/each_element.hpp"

namespace forerun::cuda {

// Of all slices of a row: the largest logit, and the sum of e^(logit - largest). `statistics` are [slices, rows].
template <class A>
struct Normaliser {
  A largest, sum;
};
template <class A>
FORERUN_ANYWHERE Normaliser<A> normaliser(const LossStatistics<A>* statistics, std::int64_t slices, std::int64_t rows,
                                          std::int64_t row) {
  Normaliser<A> of{statistics[row].largest, 0};
  for (std::int64_t i = 1; i < slices; ++i) {
    const A here = statistics[i * rows + row].largest;
    of.largest = here > of.largest ? here : of.largest;
  }
  for (std::int64_t i = 0; i < slices; ++i)
    of.sum += statistics[i * rows + row].sum * std::exp(statistics[i * rows + row].largest - of.largest);
  return of;
}

// An item is a row of logits.
template <class T>
struct CrossEntropyForward {
  using A = Arithmetic<T>;
  std::int64_t first, columns;
  const T* logits;
  const std::int32_t* targets;
  A* exponentials;
  LossStatistics<A>* statistics;

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t row) const {
    const T* const in = logits + row * columns;
    A* const e = exponentials + row * columns;
    const A most = largest_of_each<A>(team, columns, [=](std::int64_t j) { return A(in[j]); });
    A mine = 0;
    for (std::int64_t j = team.rank(); j < columns; j += team.size()) mine += e[j] = std::exp(A(in[j]) - most);
    const A sum = team.sum(mine);
    if (team.rank() != 0) return;
    const std::int64_t target = targets[row] - first;
    const bool here = target >= 0 && target < columns;
    statistics[row] = {most, sum, here ? A(in[target]) : -std::numeric_limits<A>::infinity()};
  }
};

// An item is a row of logits.
template <class T>
struct CrossEntropyBackward {
  using A = Arithmetic<T>;
  std::int64_t first, columns, rows, slices;
  int slice;
  A scale;
  const A* exponentials;
  const LossStatistics<A>* statistics;
  const std::int32_t* targets;
  T* dlogits;

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t row) const {
    const auto all = normaliser(statistics, slices, rows, row);
    const A factor = scale * std::exp(statistics[slice * rows + row].largest - all.largest) / all.sum, whole = scale;
    const std::int64_t target = targets[row] - first;
    const A* const e = exponentials + row * columns;
    write_each(
        team, 0, columns, [=](std::int64_t j) { return j == target ? factor * e[j] - whole : factor * e[j]; },
        dlogits + row * columns);
  }
};

// One item: the rows' losses, and their sum added to *total, in double.
template <class A>
struct AddLosses {
  std::int64_t rows, slices;
  const LossStatistics<A>* statistics;
  A* losses;
  double* total;

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t) const {
    double mine = 0;
    for (std::int64_t row = team.rank(); row < rows; row += team.size()) {
      const auto all = normaliser(statistics, slices, rows, row);
      A target = statistics[row].target;
      for (std::int64_t i = 1; i < slices; ++i) {
        const A here = statistics[i * rows + row].target;
        target = here > target ? here : target;
      }
      losses[row] = std::log(all.sum) + all.largest - target;
      mine += static_cast<double>(losses[row]);
    }
    const double sum = team.sum(mine);
    if (team.rank() == 0) *total += sum;
  }
};

}  // namespace forerun::cuda
