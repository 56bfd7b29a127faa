// Is the loss cut over a vocabulary the whole loss, is its gradient that of finite differences, and does AdamW do what
// its formula says?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "runtime/cpu/adamw.hpp"
#include "runtime/cpu/cross_entropy.hpp"
#include "runtime/cpu/exponential.hpp"
#include "tests/support/gradients.hpp"

namespace forerun {
namespace {

using namespace test;
using Indices = std::vector<std::int32_t>;

Indices targets_below(std::int64_t rows, int vocab) {
  Indices list(static_cast<std::size_t>(rows));
  for (std::int32_t& target : list) target = any(0, vocab);
  return list;
}

using Statistics = std::vector<LossStatistics<double>>;

RC_GTEST_PROP(CrossEntropy, HasTheGradientOfItsFunction, ()) {
  const std::int64_t rows = any(1, 5), vocab = any(2, 12);
  Numbers logits = numbers(rows * vocab), exponentials(logits.size()), losses(static_cast<std::size_t>(rows)),
          dlogits(logits.size());
  Statistics statistics(losses.size());
  for (double& logit : logits) logit *= 5;
  const Indices targets = targets_below(rows, static_cast<int>(vocab));
  const double scale = 1.0 / static_cast<double>(rows);
  const auto f = [&] {
    cross_entropy_forward<double>(0, logits, targets, exponentials, statistics);
    cross_entropy_losses<double>(statistics, losses);
    return scale * dot(losses, Numbers(losses.size(), 1));
  };
  f();
  cross_entropy_backward<double>(0, 0, scale, exponentials, statistics, targets, dlogits);
  RC_ASSERT(distance(dlogits, differences(logits, f)) < close_to_differences);
}

RC_GTEST_PROP(CrossEntropy, OverSlicesOfTheVocabularyIsTheWhole, ()) {
  const std::int64_t rows = any(1, 5), widths[2] = {any(1, 8), any(1, 8)}, vocab = widths[0] + widths[1];
  const Numbers logits = numbers(rows * vocab);
  const Indices targets = targets_below(rows, static_cast<int>(vocab));
  const auto n = static_cast<std::size_t>(rows);
  Numbers exponentials(logits.size()), losses(n), dlogits(logits.size()), together(n);
  Statistics whole(n), of_both(2 * n);
  cross_entropy_forward<double>(0, logits, targets, exponentials, whole);
  cross_entropy_losses<double>(whole, losses);
  cross_entropy_backward<double>(0, 0, 1, exponentials, whole, targets, dlogits);

  Numbers e[2];
  for (const std::size_t s : {0U, 1U}) {
    const std::int64_t first = s == 0 ? 0 : widths[0];
    Numbers slice;
    for (std::int64_t i = 0; i < rows; ++i)
      slice.insert(slice.end(), logits.begin() + i * vocab + first, logits.begin() + i * vocab + first + widths[s]);
    e[s].resize(slice.size());
    cross_entropy_forward<double>(first, slice, targets, e[s], std::span(of_both).subspan(s * n, n));
  }
  cross_entropy_losses<double>(of_both, together);
  RC_ASSERT(distance(together, losses) < the_same);
  for (const std::size_t s : {0U, 1U}) {
    const std::int64_t first = s == 0 ? 0 : widths[0];
    Numbers gradient(e[s].size());
    cross_entropy_backward<double>(first, static_cast<int>(s), 1, e[s], of_both, targets, gradient);
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < widths[s]; ++j) {
        RC_ASSERT(std::abs(gradient[static_cast<std::size_t>(i * widths[s] + j)] -
                           dlogits[static_cast<std::size_t>(i * vocab + first + j)]) < the_same);
      }
    }
  }
}

// Logits ln 1, ln 2, ln 5: the sum is 8; the loss of the second is ln 4.
TEST(CrossEntropy, OfAnExample) {
  Numbers e(3), loss(1), dlogits(3);
  Statistics statistics(1);
  const Indices target{1};
  cross_entropy_forward<double>(0, Numbers{0, std::log(2), std::log(5)}, target, e, statistics);
  cross_entropy_losses<double>(statistics, loss);
  EXPECT_NEAR(loss[0], std::log(4), 1e-15);
  cross_entropy_backward<double>(0, 0, 1, e, statistics, target, dlogits);
  EXPECT_NEAR(dlogits[0], 1. / 8, 1e-15);
  EXPECT_NEAR(dlogits[1], 2. / 8 - 1, 1e-15);
}

// Two steps by hand from a weight of 1 with g = 2: m / (1 - beta1^t) = 2 and v / (1 - beta2^t) = 4 in both.
TEST(AdamWUpdate, OfAnExample) {
  const AdamW how{.rate = 0.1, .epsilon = 0, .decay = 0.5};
  Numbers m{0}, v{0}, master{1}, parameter{0};
  adamw_update<double>(how, 1, 0.5, Numbers{4}, m, v, master, parameter);
  EXPECT_NEAR(master[0], 1 - 0.1 * (1 + 0.5), 1e-15);
  EXPECT_EQ(parameter[0], master[0]);
  adamw_update<double>(how, 2, 1, Numbers{2}, m, v, master, master);  // without a copy of the weights
  EXPECT_NEAR(master[0], 0.85 - 0.1 * (1 + 0.5 * 0.85), 1e-14);
}

RC_GTEST_PROP(AdamWUpdate, IsTheSameOnShards, ()) {
  const std::int64_t n = any(2, 40), cut = any(1, static_cast<int>(n));
  const Numbers gradient = numbers(n);
  Numbers m = numbers(n), v = numbers(n), w = numbers(n);
  for (double& x : v) x = std::abs(x);
  Numbers m2 = m, v2 = v, w2 = w;
  adamw_update<double>({}, 3, 1, gradient, m, v, w, {});
  const auto at = static_cast<std::size_t>(cut);
  for (const auto& [from, count] : {std::pair{std::size_t{0}, at}, std::pair{at, static_cast<std::size_t>(n) - at}}) {
    adamw_update<double>({}, 3, 1, std::span(gradient).subspan(from, count), std::span(m2).subspan(from, count),
                         std::span(v2).subspan(from, count), std::span(w2).subspan(from, count), {});
  }
  RC_ASSERT(distance(w, w2) < the_same);
}

TEST(Exponential, IsWithinThreeUnitsInTheLastPlace) {
  double worst = 0, worst_single = 0;
  for (double x = -80; x < 80; x += 0.00317) {
    worst = std::max(worst, std::abs(exponential(x) / std::exp(x) - 1));
    const auto single = static_cast<float>(x);
    worst_single = std::max(
        worst_single, std::abs(static_cast<double>(exponential(single)) / std::exp(static_cast<double>(single)) - 1));
  }
  EXPECT_LT(worst, 3 * 0x1p-52);
  EXPECT_LT(worst_single, 3 * 0x1p-23);
}
TEST(Exponential, HasEnds) {
  EXPECT_EQ(exponential(0.0), 1);
  EXPECT_EQ(exponential(0.0f), 1);
  EXPECT_EQ(exponential(-INFINITY), 0);
  EXPECT_EQ(exponential(-1e30f), 0);
  EXPECT_NEAR(exponential(709.0) / std::exp(709.0), 1, 1e-14);
  EXPECT_TRUE(std::isfinite(exponential(1e300)));
  EXPECT_TRUE(std::isfinite(exponential(1e30f)));
}

}  // namespace
}  // namespace forerun
