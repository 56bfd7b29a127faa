// RMSNorm and LayerNorm (runtime/cpu/norms.hpp). Weights' gradients are summed in a fixed order: over the rows of each
// group, then over groups.
#pragma once

#include <cmath>

#include "runtime/cuda/kernels/each_element.hpp"

namespace forerun::cuda {

// x as a norm sees it: (x - mean) inverse; mean is 0 for RMSNorm.
template <class A>
struct NormStatistics {
  A mean, inverse;
};

template <bool centred, class T, class Team>
FORERUN_ANYWHERE NormStatistics<Arithmetic<T>> norm_statistics(const Team& team, double epsilon, const T* x,
                                                               std::int64_t width) {
  using A = Arithmetic<T>;
  const A n = static_cast<A>(width);
  A mean = 0;
  if constexpr (centred) mean = sum_of_each<A>(team, width, [=](std::int64_t j) { return A(x[j]); }) / n;
  const A square = sum_of_each<A>(team, width, [=](std::int64_t j) { return (A(x[j]) - mean) * (A(x[j]) - mean); }) / n;
  return {mean, 1 / std::sqrt(square + static_cast<A>(epsilon))};
}

// An item is a row.
template <bool centred, class T>
struct NormForward {
  using A = Arithmetic<T>;
  double epsilon;
  std::int64_t width;
  const T *x, *w, *b;  // b: null for none
  T* y;

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t row) const {
    const T *in = x + row * width, *weight = w, *bias = b;
    const auto s = norm_statistics<centred>(team, epsilon, in, width);
    write_each(
        team, 0, width,
        [=](std::int64_t j) {
          const A turned = (A(in[j]) - s.mean) * s.inverse * A(weight[j]);
          return bias != nullptr ? turned + A(bias[j]) : turned;
        },
        y + row * width);
  }
};

// An item is a row. With n = (x - mean) inverse and g = w dy: dx = inverse (g - mean(g) - n mean(g n)), mean(g) left
// out where the norm is not centred. Leaves the row's statistics for the weights' part.
template <bool centred, class T>
struct NormInputGradient {
  using A = Arithmetic<T>;
  double epsilon;
  std::int64_t width;
  const T *x, *w, *dy;
  T* dx;
  NormStatistics<A>* statistics;

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t row) const {
    const T *in = x + row * width, *weight = w, *gradient = dy + row * width;
    const auto s = norm_statistics<centred>(team, epsilon, in, width);
    if (team.rank() == 0) statistics[row] = s;
    A sum = 0, product = 0;
    for (std::int64_t j = team.rank(); j < width; j += team.size()) {
      const A g = A(weight[j]) * A(gradient[j]);
      sum += g;
      product += g * (A(in[j]) - s.mean) * s.inverse;
    }
    const A n = static_cast<A>(width), along = team.sum(product) / n;
    A mean = 0;
    if constexpr (centred) mean = team.sum(sum) / n;
    write_each(
        team, 0, width,
        [=](std::int64_t j) {
          return s.inverse * (A(weight[j]) * A(gradient[j]) - mean - (A(in[j]) - s.mean) * s.inverse * along);
        },
        dx + row * width);
  }
};

// Groups of rows whose partial sums lie one after the other.
struct RowGroups {
  std::int64_t rows, each;
  [[nodiscard]] FORERUN_ANYWHERE std::int64_t count() const { return (rows + each - 1) / each; }
};
// At most 64 groups, of at least 32 rows but for the last.
constexpr RowGroups row_groups(std::int64_t rows) { return {rows, rows <= 64 * 32 ? 32 : (rows + 63) / 64}; }

// An item is a tile of columns, as many as the team has threads, of a group of rows: partial[group, column] of dw, and
// of db where there is one.
template <class T>
struct NormWeightGradient {
  using A = Arithmetic<T>;
  RowGroups groups;
  std::int64_t width;
  const T *x, *dy;
  const NormStatistics<A>* statistics;
  A *dw, *db;  // db: null for none

  [[nodiscard]] std::int64_t items(int threads) const { return groups.count() * tiles(width, threads); }

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t item) const {
    const std::int64_t across = tiles(width, team.size()), group = item / across,
                       column = item % across * team.size() + team.rank();
    if (column >= width) return;
    const std::int64_t first = group * groups.each, end = first + groups.each,
                       last = end < groups.rows ? end : groups.rows;
    A weight = 0, bias = 0;
    for (std::int64_t row = first; row < last; ++row) {
      const A gradient = dy[row * width + column];
      weight += gradient * (A(x[row * width + column]) - statistics[row].mean) * statistics[row].inverse;
      bias += gradient;
    }
    dw[group * width + column] = weight;
    if (db != nullptr) db[group * width + column] = bias;
  }
};

// An item is a tile of columns, as many as the team has threads: sum[column] += partial[group, column] of each group in
// order.
template <class A>
struct AddPartials {
  std::int64_t groups, width;
  const A* partial;
  A* sum;

  [[nodiscard]] std::int64_t items(int threads) const { return tiles(width, threads); }

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t item) const {
    const std::int64_t column = item * team.size() + team.rank();
    if (column >= width) return;
    A all = 0;
    for (std::int64_t group = 0; group < groups; ++group) all += partial[group * width + column];
    sum[column] += all;
  }
};

}  // namespace forerun::cuda
