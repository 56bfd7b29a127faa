// Rows moved about (runtime/cpu/elementwise.hpp, runtime/cpu/embedding.hpp) and turned (runtime/cpu/rotary.hpp).
#pragma once

#include "runtime/cpu/matrix_product.hpp"
#include "runtime/cpu/rotary.hpp"
#include "runtime/cuda/kernels/each_element.hpp"

namespace forerun::cuda {

// An item is a row of y: from[index - first], 0 where `from` has no such row.
template <class T>
struct GatherRow {
  std::int64_t width, first, rows;
  const T* from;
  const std::int32_t* index;
  T* y;

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t row) const {
    const std::int64_t at = index[row] - first;
    T* const to = y + row * width;
    if (at >= 0 && at < rows) {
      const T* const source = from + at * width;
      write_each(team, 0, width, [=](std::int64_t j) { return source[j]; }, to);
    } else {
      write_each(team, 0, width, [](std::int64_t) { return T(0); }, to);
    }
  }
};

// An item is a tile of columns, as many as the team has threads, of a group (rows_by_index.hpp): to[index[group]] +=
// its rows of `from` in order, rounded to To after each, as one by one.
template <class T, class To>
struct AddRowGroup {
  using A = Arithmetic<T>;
  std::int64_t groups, width;
  const T* from;
  const std::int32_t *index, *begin, *row;
  To* to;

  [[nodiscard]] std::int64_t items(int threads) const { return groups * tiles(width, threads); }

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t item) const {
    const std::int64_t across = tiles(width, team.size()), group = item / across,
                       column = item % across * team.size() + team.rank();
    if (column >= width) return;
    To* const at = to + index[group] * width + column;
    A sum = A(*at);
    for (std::int32_t i = begin[group]; i < begin[group + 1]; ++i) sum = A(To(sum + A(from[row[i] * width + column])));
    *at = To(sum);
  }
};

// An item is a row; direction 1: forward, -1: backward.
template <class T>
struct TurnRow {
  using A = Arithmetic<T>;
  int heads, head_dim;
  A direction;
  std::int64_t positions;
  const A* table;
  Matrix<const T> x;
  Matrix<T> y;

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t row) const {
    const int half = head_dim / 2;
    const A *cosine = table + row % positions * head_dim, *sine = cosine + half;
    const T* const from = x.row(row);
    T* const to = y.row(row);
    for (int pair = team.rank(); pair < heads * half; pair += team.size()) {
      const int i = pair % half, at = pair / half * head_dim + i;
      const A a = from[at], b = from[at + half], c = cosine[i], d = direction * sine[i];
      to[at] = T(a * c - b * d);
      to[at + half] = T(b * c + a * d);
    }
  }
};

}  // namespace forerun::cuda
