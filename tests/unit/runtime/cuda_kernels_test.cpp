// What GPU kernels are made of, on the host: loops that take each element once, rows grouped by index, pieces of a
// ring, matrices in columns. Whole operators are in backend_operators_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

#include "runtime/cuda/column_major.hpp"
#include "runtime/cuda/kernels/each_element.hpp"
#include "runtime/cuda/kernels/norm_kernels.hpp"
#include "runtime/cuda/kernels/row_kernels.hpp"
#include "runtime/cuda/kernels/rows_by_index.hpp"
#include "runtime/cuda/piece_ring.hpp"
#include "runtime/cuda_backend.hpp"
#include "tests/support/host_team.hpp"

namespace forerun {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(WriteEach, WritesEachElementOnceWhateverTheTeam) {
  for (const int threads : {1, 3, 8}) {
    for (const std::int64_t count : {0, 1, 7, 33, 2048, 2049, 5000}) {
      std::vector<float> times(static_cast<std::size_t>(count));
      float* const data = times.data();
      const auto once_more = [data](std::int64_t i) { return data[i] + 1; };
      test::for_each_team_on_host(cuda::tiles(count), threads, 0,
                                  cuda::WriteEach<float, decltype(once_more)>{count, once_more, data});
      EXPECT_THAT(times, Each(1.f)) << threads << " threads, " << count;
    }
  }
}

TEST(SumOfEach, IsThatOfAllThreadsOnEach) {
  struct Body {
    double *sums, *most;
    void operator()(test::HostTeam& team, std::int64_t) const {
      sums[team.rank()] = cuda::sum_of_each<double>(team, 10, [](std::int64_t i) { return static_cast<double>(i); });
      most[team.rank()] =
          cuda::largest_of_each<double>(team, 3, [](std::int64_t i) { return static_cast<double>(-i); });
    }
  };
  std::vector<double> sums(8), most(8);
  test::for_each_team_on_host(1, 8, 0, Body{sums.data(), most.data()});
  EXPECT_THAT(sums, Each(45));
  EXPECT_THAT(most, Each(0));  // threads without an element say -infinity
}

TEST(RowsByIndex, GroupsThemInOrderAndLeavesOutThoseOfOthers) {
  const std::vector<std::int32_t> entries{7, 5, 9, 5, 4, 7, 5};
  const auto by = cuda::rows_by_index(5, 4, entries);  // 5 to 8
  EXPECT_THAT(by.index, ElementsAre(0, 2));
  EXPECT_THAT(by.begin, ElementsAre(0, 3, 5));
  EXPECT_THAT(by.row, ElementsAre(1, 3, 6, 0, 5));
}

TEST(RowsByIndex, OfNoneIsNone) {
  const auto by = cuda::rows_by_index(0, 3, {});
  EXPECT_THAT(by.index, IsEmpty());
  EXPECT_THAT(by.begin, ElementsAre(0));
}

// In bf16, 256 + 1 is 256 again.
TEST(AddRowGroup, RoundsAfterEachRowAsTheCpuDoes) {
  const std::vector<BFloat16> from{256.f, 1.f, 1.f, 1.f};
  const std::vector<std::int32_t> entries{0, 0, 0, 0};
  const auto by = cuda::rows_by_index(0, 1, entries);
  std::vector<BFloat16> to{0.f};
  const cuda::AddRowGroup<BFloat16, BFloat16> body{
      1, 1, from.data(), by.index.data(), by.begin.data(), by.row.data(), to.data()};
  test::for_each_team_on_host(body.items(3), 3, 0, body);
  EXPECT_EQ(static_cast<float>(to[0]), 256);  // 260 where 259 is rounded once
}

TEST(RowGroups, AreAtMost64AndHoldAllRows) {
  for (const std::int64_t rows : {1, 31, 32, 33, 2048, 2049, 8192, 100000}) {
    const auto groups = cuda::row_groups(rows);
    EXPECT_LE(groups.count(), 64);
    EXPECT_GE(groups.count() * groups.each, rows);
    EXPECT_LT((groups.count() - 1) * groups.each, rows);
  }
}

// Tickets are the numbers of pieces. None is waited for twice, and no piece lies on one that was not.
TEST(PieceRing, NeverHandsOutWhatIsHeld) {
  constexpr std::int64_t capacity = 16 * 256;
  std::mt19937 draw(1);
  struct Piece {
    std::int64_t first, last;
    bool held;
  };
  cuda::PieceRing<std::size_t> ring(capacity);
  std::vector<Piece> pieces;
  std::size_t oldest = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::int64_t bytes = std::uniform_int_distribution<std::int64_t>(0, i % 10 == 0 ? capacity : 1000)(draw);
    const std::int64_t first = ring.reserve(bytes, [&](std::size_t ticket) {
      EXPECT_EQ(ticket, oldest++);
      pieces[ticket].held = false;
    });
    EXPECT_LE(first + bytes, capacity);
    for (const Piece& piece : pieces) EXPECT_TRUE(!piece.held || first + bytes <= piece.first || piece.last <= first);
    ring.hold(pieces.size());
    pieces.push_back({first, first + bytes, true});
  }
  EXPECT_GT(oldest, 1500U);
}

TEST(PieceRing, WaitsForNoneWhileThereIsRoom) {
  cuda::PieceRing<int> ring(4 * 256);
  const auto wait = [](int ticket) { throw std::runtime_error("waited for " + std::to_string(ticket)); };
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(ring.reserve(200, wait), i * 256);
    ring.hold(i);
  }
  EXPECT_THROW(ring.reserve(1, wait), std::runtime_error);
}

// The product that cuBLAS would compute, element by element, from what column_major says.
std::vector<double> in_columns(const cuda::ColumnMajorProduct& p, const double* first, const double* second,
                               std::size_t size) {
  const auto at = [](const cuda::ColumnMajor& m, Turn turn, const double* data, std::int64_t row, std::int64_t column) {
    if (turn == Turn::transposed) std::swap(row, column);
    EXPECT_LT(row, m.rows);
    EXPECT_LT(column, m.columns);
    EXPECT_GE(m.stride, m.rows);  // cuBLAS insists
    return data[column * m.stride + row];
  };
  const std::int64_t inner = p.turn_first == Turn::as_is ? p.first.columns : p.first.rows;
  EXPECT_EQ(inner, p.turn_second == Turn::as_is ? p.second.rows : p.second.columns);
  std::vector<double> result(size, -1);
  for (std::int64_t row = 0; row < p.result.rows; ++row) {
    for (std::int64_t column = 0; column < p.result.columns; ++column) {
      double sum = 0;
      for (std::int64_t k = 0; k < inner; ++k)
        sum += at(p.first, p.turn_first, first, row, k) * at(p.second, p.turn_second, second, k, column);
      result[static_cast<std::size_t>(column * p.result.stride + row)] = sum;
    }
  }
  return result;
}

TEST(ColumnMajor, IsTheSameProduct) {
  for (const Turn turn_a : {Turn::as_is, Turn::transposed}) {
    for (const Turn turn_b : {Turn::as_is, Turn::transposed}) {
      constexpr std::int64_t m = 2, n = 3, k = 4, stride_a = 5, stride_b = 6, stride_c = 7;
      std::vector<double> a(stride_a * 4), b(stride_b * 4), c(stride_c * m, -1);
      std::iota(a.begin(), a.end(), 1);
      std::iota(b.begin(), b.end(), -7);
      multiply(turn_a, turn_b, m, n, k, 1, Matrix<const double>{a.data(), stride_a},
               Matrix<const double>{b.data(), stride_b}, 0, Matrix<double>{c.data(), stride_c});
      EXPECT_EQ(in_columns(cuda::column_major(turn_a, turn_b, m, n, k, stride_a, stride_b, stride_c), b.data(),
                           a.data(), c.size()),
                c);
    }
  }
}

// One row in memory, whose stride nothing needs.
TEST(ColumnMajor, StretchesAStrideThatDoesNotHoldARow) {
  const auto p = cuda::column_major(Turn::as_is, Turn::as_is, 1, 3, 4, 0, 3, 1);
  EXPECT_EQ(p.second, (cuda::ColumnMajor{4, 1, 4}));
  EXPECT_EQ(p.result, (cuda::ColumnMajor{3, 1, 3}));
}

TEST(CudaBackend, SaysWhyThereIsNone) {
  EXPECT_TRUE(built_with_cuda() || cuda_devices() == 0);
  try {
    make_cuda_backend(cuda_devices());  // one more than there are
    FAIL() << "there is one";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), testing::AnyOf(testing::HasSubstr("built without CUDA"), testing::HasSubstr("no GPU")));
  }
}

}  // namespace
}  // namespace forerun
