// For the attention's bodies only: tiles of matrices in a team's memory, what fills them, and their products.
//
// Rows of a tile begin a little apart from powers of two, so that threads that read down a column find different banks
// of memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "runtime/cpu/matrix_product.hpp"
#include "runtime/cuda/kernels/team.hpp"

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <mma.h>
#endif

namespace forerun::cuda {

template <class E>
struct Tile {
  E* data = nullptr;
  int stride = 0;

  [[nodiscard]] constexpr E* row(int i) const { return data + i * stride; }
};

// Products work on blocks of so many rows and columns; what is there only to fill them is 0.
template <class T>
inline constexpr int tile_block = std::is_same_v<T, BFloat16> ? 16 : 4;

template <class T>
constexpr int whole_blocks(int n) {
  return (n + tile_block<T> - 1) / tile_block<T> * tile_block<T>;
}

// Takes a team's memory piece by piece.
template <class T, class Team>
class Carver {
 public:
  FORERUN_ANYWHERE explicit Carver(const Team& team) : team_(team) {}

  template <class E>
  FORERUN_ANYWHERE E* list(int count) {
    constexpr std::int64_t alignment = 32;  // what tensor cores' loads ask for
    E* const at = team_.template shared<E>(bytes_);
    bytes_ += (count * static_cast<std::int64_t>(sizeof(E)) + alignment - 1) / alignment * alignment;
    return at;
  }
  FORERUN_ANYWHERE Tile<T> operands(int rows, int columns) {
    return tile<T>(rows, columns + (tile_block<T> == 16 ? 8 : 1));
  }
  FORERUN_ANYWHERE Tile<Arithmetic<T>> sums(int rows, int columns) {
    return tile<Arithmetic<T>>(rows, columns + (tile_block<T> == 16 ? 4 : 1));
  }
  [[nodiscard]] FORERUN_ANYWHERE std::int64_t bytes() const { return bytes_; }

 private:
  template <class E>
  FORERUN_ANYWHERE Tile<E> tile(int rows, int stride) {
    return {list<E>(rows * stride), stride};
  }

  const Team& team_;
  std::int64_t bytes_ = 0;
};

// A team's threads over the rows of a tile, several a row where there are more threads than rows:
// for (row = first_row; row < rows; row += row_step) for (j = part; j < columns; j += parts).
struct RowParts {
  static constexpr int most = 8;
  int parts, part, first_row, row_step;

  constexpr RowParts(int rank, int size, int rows)
      : parts(size < 2 * rows      ? 1
              : size / rows < most ? size / rows
                                   : most),
        part(rank % parts),
        first_row(rank / parts),
        row_step(size / parts) {
    if (first_row >= row_step) first_row = rows;  // a thread left over
  }
};

// A team's threads over all elements, neighbours at neighbours: for (Walk at(...); at.row < rows; at.next()).
struct Walk {
  int row, column, rows, columns, width;

  constexpr Walk(int rank, int size, int row_width)
      : row(rank / row_width),
        column(rank % row_width),
        rows(size / row_width),
        columns(size % row_width),
        width(row_width) {}
  constexpr void next() {
    row += rows;
    column += columns;
    if (column < width) return;
    column -= width;
    ++row;
  }
};

// In one instruction on a GPU: both are aligned to 16 bytes. Zeros from nowhere.
FORERUN_ANYWHERE inline void copy_16_bytes(const void* from, void* to) {
#if defined(__CUDA_ARCH__)
  *static_cast<uint4*>(to) = from == nullptr ? uint4{0, 0, 0, 0} : *static_cast<const uint4*>(from);
#else
  from == nullptr ? std::memset(to, 0, 16) : std::memcpy(to, from, 16);
#endif
}

// `rows` x `columns` elements from the backend's memory, the rest of the tile 0.
template <class Team, class T>
FORERUN_ANYWHERE void load_tile(const Team& team, Matrix<const T> from, int rows, int columns, Tile<T> to,
                                int tile_rows, int tile_columns) {
  if constexpr (tile_block<T> == 16) {  // 16 bytes at a time where the matrix allows it
    constexpr int pack = 8;
    if (columns % pack == 0 && from.stride % pack == 0 && reinterpret_cast<std::uintptr_t>(from.data) % 16 == 0) {
      for (Walk at(team.rank(), team.size(), tile_columns / pack); at.row < tile_rows; at.next()) {
        const bool inside = at.row < rows && at.column * pack < columns;
        copy_16_bytes(inside ? from.data + at.row * from.stride + at.column * pack : nullptr,
                      to.row(at.row) + at.column * pack);
      }
      return;
    }
  }
  for (Walk at(team.rank(), team.size(), tile_columns); at.row < tile_rows; at.next()) {
    to.row(at.row)[at.column] =
        at.row < rows && at.column < columns ? from.data[at.row * from.stride + at.column] : T(0);
  }
}

template <class Team, class E>
FORERUN_ANYWHERE void clear_tile(const Team& team, Tile<E> tile, int rows, int columns) {
  for (Walk at(team.rank(), team.size(), columns); at.row < rows; at.next()) tile.row(at.row)[at.column] = E(0);
}

// Blocks of 4 x 4 elements, one a thread, whose rows and columns are spread over the tile.
template <Turn turn_a, Turn turn_b, class Team, class T, class A>
FORERUN_ANYWHERE void product_of_threads(const Team& team, int m, int n, int k, Tile<T> a, Tile<T> b, bool add,
                                         Tile<A> c) {
  constexpr int side = 4;
  const int down = m / side, across = n / side;
  const int a_row = turn_a == Turn::as_is ? a.stride : 1, a_step = turn_a == Turn::as_is ? 1 : a.stride;
  const int b_column = turn_b == Turn::as_is ? 1 : b.stride, b_step = turn_b == Turn::as_is ? b.stride : 1;
  for (int block = team.rank(); block < down * across; block += team.size()) {
    const int i0 = block / across, j0 = block % across;
    A sum[side][side];
    for (int i = 0; i < side; ++i) {
      for (int j = 0; j < side; ++j) sum[i][j] = add ? c.row(i0 + i * down)[j0 + j * across] : A(0);
    }
    for (int l = 0; l < k; ++l) {
      A x[side], y[side];
      for (int i = 0; i < side; ++i) x[i] = static_cast<A>(a.data[(i0 + i * down) * a_row + l * a_step]);
      for (int j = 0; j < side; ++j) y[j] = static_cast<A>(b.data[(j0 + j * across) * b_column + l * b_step]);
      for (int i = 0; i < side; ++i) {
        for (int j = 0; j < side; ++j) sum[i][j] += x[i] * y[j];
      }
    }
    for (int i = 0; i < side; ++i) {
      for (int j = 0; j < side; ++j) c.row(i0 + i * down)[j0 + j * across] = sum[i][j];
    }
  }
}

#if defined(__CUDACC__)

// Blocks of down x across squares of 16 x 16, one a warp, on tensor cores; squares outside the tile are left out.
template <Turn turn_a, Turn turn_b, int down, int across>
__device__ void product_of_warps(int warp, int warps, int m, int n, int k, Tile<BFloat16> a, Tile<BFloat16> b, bool add,
                                 Tile<float> c) {
  namespace wmma = nvcuda::wmma;
  constexpr int side = 16;
  using LayoutA = std::conditional_t<turn_a == Turn::as_is, wmma::row_major, wmma::col_major>;
  using LayoutB = std::conditional_t<turn_b == Turn::as_is, wmma::row_major, wmma::col_major>;
  const auto* const a_data = reinterpret_cast<const __nv_bfloat16*>(a.data);
  const auto* const b_data = reinterpret_cast<const __nv_bfloat16*>(b.data);
  const int blocks_across = (n + side * across - 1) / (side * across),
            blocks = (m + side * down - 1) / (side * down) * blocks_across;
  for (int block = warp; block < blocks; block += warps) {
    const int row = block / blocks_across * side * down, column = block % blocks_across * side * across;
    wmma::fragment<wmma::accumulator, side, side, side, float> sum[down][across];
    for (int i = 0; i < down; ++i) {
      for (int j = 0; j < across; ++j) {
        if (add && row + i * side < m && column + j * side < n) {
          wmma::load_matrix_sync(sum[i][j], c.row(row + i * side) + column + j * side, static_cast<unsigned>(c.stride),
                                 wmma::mem_row_major);
        } else {
          wmma::fill_fragment(sum[i][j], 0.0F);
        }
      }
    }
    for (int l = 0; l < k; l += side) {
      wmma::fragment<wmma::matrix_a, side, side, side, __nv_bfloat16, LayoutA> x[down];
      wmma::fragment<wmma::matrix_b, side, side, side, __nv_bfloat16, LayoutB> y[across];
      for (int i = 0; i < down; ++i) {
        const int at = std::min(row + i * side,
                                m - side);  // some square of the tile where there is none: its product is not stored
        wmma::load_matrix_sync(x[i], a_data + (turn_a == Turn::as_is ? at * a.stride + l : l * a.stride + at),
                               static_cast<unsigned>(a.stride));
      }
      for (int j = 0; j < across; ++j) {
        const int at = std::min(column + j * side, n - side);
        wmma::load_matrix_sync(y[j], b_data + (turn_b == Turn::as_is ? l * b.stride + at : at * b.stride + l),
                               static_cast<unsigned>(b.stride));
      }
      for (int i = 0; i < down; ++i) {
        for (int j = 0; j < across; ++j) wmma::mma_sync(sum[i][j], x[i], y[j], sum[i][j]);
      }
    }
    for (int i = 0; i < down; ++i) {
      for (int j = 0; j < across; ++j) {
        if (row + i * side < m && column + j * side < n) {
          wmma::store_matrix_sync(c.row(row + i * side) + column + j * side, sum[i][j], static_cast<unsigned>(c.stride),
                                  wmma::mem_row_major);
        }
      }
    }
  }
}

#endif

// c[m,n] = op(a)[m,k] op(b)[k,n], plus c where `add`; m, n and k are whole blocks. Products of bf16 on a GPU go to its
// tensor cores, all others are plain arithmetic in full fp32 or fp64. Synchronise before and after.
template <Turn turn_a, Turn turn_b, class Team, class T, class A>
FORERUN_ANYWHERE void tile_product(const Team& team, int m, int n, int k, Tile<T> a, Tile<T> b, bool add, Tile<A> c) {
#if defined(__CUDACC__)
  if constexpr (std::is_same_v<Team, BlockTeam> && std::is_same_v<T, BFloat16>) {
    const int warp = team.rank() / 32, warps = team.size() / 32;
    // The larger block reads less for each product, the smaller gives work to more warps.
    if ((m + 31) / 32 * ((n + 31) / 32) >= warps) {
      product_of_warps<turn_a, turn_b, 2, 2>(warp, warps, m, n, k, a, b, add, c);
    } else {
      product_of_warps<turn_a, turn_b, 1, 2>(warp, warps, m, n, k, a, b, add, c);
    }
    return;
  }
#endif
  product_of_threads<turn_a, turn_b>(team, m, n, k, a, b, add, c);
}

}  // namespace forerun::cuda
