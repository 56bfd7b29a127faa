// Does the matrix product take strides, turns and empty sizes, and may several threads ask at once?
#include "runtime/cpu/matrix_product.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace forerun {
namespace {

using testing::ElementsAre;

// A = (1 2; 3 4), B = (5 6; 7 8): A B = (19 22; 43 50), A^T B = (26 30; 38 44), A B^T = (17 23; 39 53).
TEST(MatrixProduct, OfAnExample) {
  const std::vector<double> a{1, 2, -1, 3, 4, -1}, b{5, 6, 7, 8};
  std::vector<double> c{9, 9, 9, 9};
  const auto product = [&](Turn turn_a, Turn turn_b, double alpha, double beta) {
    multiply(turn_a, turn_b, 2, 2, 2, alpha, Matrix<const double>{a.data(), 3}, Matrix<const double>{b.data(), 2}, beta,
             Matrix<double>{c.data(), 2});
    return c;
  };
  EXPECT_THAT(product(Turn::as_is, Turn::as_is, 1, 0), ElementsAre(19, 22, 43, 50));
  EXPECT_THAT(product(Turn::as_is, Turn::as_is, 2, 1), ElementsAre(57, 66, 129, 150));
  EXPECT_THAT(product(Turn::transposed, Turn::as_is, 1, 0), ElementsAre(26, 30, 38, 44));
  EXPECT_THAT(product(Turn::as_is, Turn::transposed, 1, 0), ElementsAre(17, 23, 39, 53));
}

TEST(MatrixProduct, OfNothingLeavesWhatItIsAddedTo) {
  std::vector<float> c{1, 2};
  const Matrix<const float> none{c.data(), 0};
  multiply(Turn::as_is, Turn::as_is, 1, 2, 0, 1, none, none, 1, Matrix<float>{c.data(), 2});
  EXPECT_THAT(c, ElementsAre(1, 2));
  multiply(Turn::as_is, Turn::as_is, 0, 2, 3, 1, none, none, 0, Matrix<float>{c.data(), 2});
  EXPECT_THAT(c, ElementsAre(1, 2));
  multiply(Turn::as_is, Turn::as_is, 1, 2, 0, 1, none, none, 0, Matrix<float>{c.data(), 2});
  EXPECT_THAT(c, ElementsAre(0, 0));
}

TEST(MatrixProduct, IsTheSameFromSeveralThreadsAtOnce) {
  constexpr std::int64_t n = 96;
  std::vector<float> a(n * n);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>((i * 7919) % 17) - 8;
  const auto square = [&] {
    std::vector<float> c(n * n);
    for (int times = 0; times < 50; ++times) {
      multiply(Turn::as_is, Turn::as_is, n, n, n, 1, Matrix<const float>{a.data(), n}, Matrix<const float>{a.data(), n},
               0, Matrix<float>{c.data(), n});
    }
    return c;
  };
  const std::vector<float> alone = square();
  std::vector<std::vector<float>> together(4);
  std::vector<std::jthread> threads;
  for (auto& result : together) threads.emplace_back([&] { result = square(); });
  threads.clear();
  for (const auto& result : together) EXPECT_EQ(result, alone);
}

}  // namespace
}  // namespace forerun
