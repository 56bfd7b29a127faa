// For the attention's sources only: blocks of queries, the keys that they see, and operands in the format of sums.
#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "runtime/cpu/attention.hpp"

namespace forerun {

inline constexpr std::int64_t attention_block = 64;  // queries whose scores exist at a time

struct KeyRange {
  std::int64_t first = 0, last = 0;  // of the ascending keys; none where first == last
};

template <class T>
KeyRange visible_keys(const AttentionShape& s, const AttentionInput<T>& in, std::int64_t query) {
  const std::int64_t position = in.query_positions[static_cast<std::size_t>(query)];
  const auto keys = in.key_positions;
  const std::int64_t last = std::ranges::upper_bound(keys, position) - keys.begin();
  if (s.window == 0) return {0, last};
  return {std::min<std::int64_t>(last, std::ranges::upper_bound(keys, position - s.window) - keys.begin()), last};
}

// Both ends move up with the position, so a block sees from its first query's first key to its last query's last.
template <class T>
KeyRange visible_keys(const AttentionShape& s, const AttentionInput<T>& in, std::int64_t query, std::int64_t count) {
  return {visible_keys(s, in, query).first, visible_keys(s, in, query + count - 1).last};
}

// The matrix itself, or a copy of it in `scratch`, which moves on.
template <class T>
Matrix<const Arithmetic<T>> in_arithmetic(Matrix<const T> m, std::int64_t rows, std::int64_t columns,
                                          Arithmetic<T>*& scratch) {
  if constexpr (std::is_same_v<T, Arithmetic<T>>) {
    return m;
  } else {
    const Matrix<Arithmetic<T>> copy{scratch, columns};
    scratch += rows * columns;
    for (std::int64_t i = 0; i < rows; ++i) std::copy_n(m.row(i), columns, copy.row(i));
    return copy;
  }
}

template <class T>
Arithmetic<T> score_scale(const AttentionShape& s) {
  return 1 / std::sqrt(static_cast<Arithmetic<T>>(s.head_dim));
}

template <class T>
Matrix<T> columns_from(Matrix<T> m, std::int64_t row, std::int64_t column) {
  return {m.row(row) + column, m.stride};
}

}  // namespace forerun
