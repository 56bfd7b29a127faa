// A product of matrices in rows as cuBLAS takes it: in columns. What lies there row by row is, column by column, the
// transpose: c = op(a) op(b) becomes c' = op(b)' op(a)', with the operands changed over.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>

#include "runtime/cpu/matrix_product.hpp"

namespace forerun::cuda {

// How a matrix lies in memory: column j begins at j * stride.
struct ColumnMajor {
  std::int64_t rows = 0, columns = 0, stride = 0;

  auto operator<=>(const ColumnMajor&) const = default;
};
struct ColumnMajorProduct {
  Turn turn_first{}, turn_second{};  // of b, of a
  ColumnMajor first, second, result;

  auto operator<=>(const ColumnMajorProduct&) const = default;
};

// Of a matrix of `rows` rows in memory. A stride that no second row needs may be anything; cuBLAS wants one that holds
// a row.
constexpr ColumnMajor turned(std::int64_t rows, std::int64_t columns, std::int64_t stride) {
  return {columns, rows, std::max(stride, columns)};
}

constexpr ColumnMajorProduct column_major(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k,
                                          std::int64_t stride_a, std::int64_t stride_b, std::int64_t stride_c) {
  return {.turn_first = turn_b,
          .turn_second = turn_a,
          .first = turn_b == Turn::as_is ? turned(k, n, stride_b) : turned(n, k, stride_b),
          .second = turn_a == Turn::as_is ? turned(m, k, stride_a) : turned(k, m, stride_a),
          .result = turned(m, n, stride_c)};
}

}  // namespace forerun::cuda
