// Does the interpolation say what samples near by say, and nothing where there are none?
#include "costmodel/kernels/residual_interpolation.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "costmodel/kernels/kernel_fit.hpp"
#include "hardware/catalog.hpp"

namespace forerun {
namespace {

ShapeResidual at(double x, double y, double residual) { return {{x, y}, residual}; }

TEST(ResidualInterpolation, IsShrunkAtASampleAndNothingFarAway) {
  const ResidualInterpolation one({.radius = 2, .shrink = 0.25, .cells = {at(10, 12, 0.4)}});
  const auto here = one.near({10, 12});
  EXPECT_DOUBLE_EQ(here.share, 1 / 1.25);  // a weight of 1
  EXPECT_DOUBLE_EQ(here.residual, 0.4 / 1.25);
  EXPECT_TRUE(here.dominates());
  const double weight = std::pow(1 - 1.0 / 4, 2);  // at half of the radius
  EXPECT_DOUBLE_EQ(one.near({11, 12}).residual, 0.4 * weight / (weight + 0.25));
  for (const KernelShape& far : {KernelShape{12, 12}, KernelShape{10, 20}, KernelShape{10, 12, 3}}) {
    EXPECT_EQ(one.near(far).residual, 0);
    EXPECT_EQ(one.near(far).share, 0);
  }
  EXPECT_EQ(ResidualInterpolation({.radius = 1, .shrink = 1, .cells = {}}).near({1}).share, 0);
}

// Boxes only skip what weighs nothing.
TEST(ResidualInterpolation, IsTheSumOverAllCells) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> anywhere(0, 12);
  ResidualField field{.radius = 2.5, .shrink = 0.3, .cells = {}};
  for (int i = 0; i < 300; ++i)
    field.cells.push_back({{anywhere(random), anywhere(random), anywhere(random), 5}, anywhere(random) / 10 - 0.6});
  const ResidualInterpolation interpolation(field);
  for (int i = 0; i < 500; ++i) {
    const KernelShape shape{anywhere(random), anywhere(random), anywhere(random), 5};
    double weights = 0, sum = 0;
    for (const ShapeResidual& cell : field.cells) {
      double square = 0;
      for (std::size_t d = 0; d < shape.size(); ++d) square += std::pow(shape[d] - cell.at[d], 2);
      if (square >= 2.5 * 2.5) continue;
      const double weight = std::pow(1 - square / (2.5 * 2.5), 2);
      weights += weight, sum += weight * cell.residual;
    }
    EXPECT_NEAR(interpolation.near(shape).residual, sum / (weights + 0.3), 1e-12);
  }
}

TEST(Cells, FewSamplesStayAsTheyAre) {
  const std::vector<ShapeResidual> samples{at(1, 2, 0.1), at(1, 3, 0.2), at(2, 2, -0.1)};
  EXPECT_EQ(cells_of(samples), samples);
  EXPECT_TRUE(cells_of({}).empty());
}

TEST(Cells, OfOneShapeAreOne) {
  const auto cells = cells_of({at(1, 2, 0.1), at(1, 2, 0.3), at(1, 2, 0.2)});
  ASSERT_EQ(cells.size(), 1U);
  EXPECT_DOUBLE_EQ(cells[0].residual, 0.2);
}

// A step in the second coordinate: two cells part there.
TEST(Cells, PartWhereResidualsDiffer) {
  std::vector<ShapeResidual> samples;
  for (int x = 0; x < 10; ++x) {
    for (int y = 0; y < 4; ++y) samples.push_back(at(x, y, y < 2 ? 0.3 : -0.3));
  }
  const auto cells = cells_of(samples, 2);
  ASSERT_EQ(cells.size(), 2U);
  EXPECT_EQ(cells[0], at(4.5, 0.5, 0.3));
  EXPECT_EQ(cells[1], at(4.5, 2.5, -0.3));
  EXPECT_EQ(cells_of(samples, 7).size(), 7U);
}

TEST(Shapes, OfWhatNobodySampledAreNone) {
  FusedAttention a{.sequences = 2,
                   .heads = 32,
                   .kv_heads = 8,
                   .head_dim = 128,
                   .value_dim = 128,
                   .q_len = 1024,
                   .kv_len = 4096,
                   .visible = visible_share(1024, 4096)};
  EXPECT_EQ(shape_of(a), (KernelShape{1, 5, 3, 10, 12, 7}));
  FusedAttention other = a;
  other.backward = true;
  EXPECT_FALSE(shape_of(other));
  other = a, other.visible = 1;
  EXPECT_FALSE(shape_of(other));
  other = a, other.value_dim = 64;
  EXPECT_FALSE(shape_of(other));
  EXPECT_FALSE(shape_of(Streaming{StreamingKind::norm, Bytes{0}}));
  EXPECT_EQ(shape_of(Streaming{StreamingKind::norm, Bytes{1024}}), KernelShape{10});
}

// --- chosen on samples left out

// Products that take the form's time, but twice that where k is below 2048; groups are values of n.
std::vector<KernelSample> samples(double factor, double noise) {
  const GemmTimer timer(std::get<GemmForm>(start_form(KernelKind::gemm)), *find_device("a100"), DType::bf16);
  std::mt19937 random(7);
  std::normal_distribution<double> scatter(0, noise);
  std::vector<KernelSample> list;
  for (int n = 0; n < 10; ++n) {
    for (int m = 0; m < 10; ++m) {
      for (int k = 0; k < 6; ++k) {
        const Gemm gemm{.m = 64 << (m / 2), .n = 1024 + 512 * n, .k = 512 << k};
        list.push_back(
            {gemm, (gemm.k < 2048 ? factor : 1) * std::exp(scatter(random)) * timer.time(gemm), std::to_string(n)});
      }
    }
  }
  return list;
}

TEST(KernelFit, KeepsSamplesWhereTheyTellMoreThanTheForm) {
  const KernelFit fit = fit_kernels(*find_device("a100"), samples(2, 0.02));
  ASSERT_TRUE(fit.measured);
  EXPECT_LE(fit.measured->left_out.median, 0.95 * fit.left_out.median);
  EXPECT_LE(fit.measured->left_out.p90, 0.95 * fit.left_out.p90);
  EXPECT_LE(fit.measured->field.cells.size(), most_cells);
  EXPECT_EQ(fit.best_left_out(), fit.measured->left_out);
}

TEST(KernelFit, DropsThemWhereTheyAreNoise) {
  const KernelFit fit = fit_kernels(*find_device("a100"), samples(1, 0.1));
  EXPECT_FALSE(fit.measured);
}

}  // namespace
}  // namespace forerun
