// Is the loss cut over a vocabulary the whole loss, is its gradient that of finite differences, and does AdamW do what
// its formula says?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "runtime/adamw.hpp"
#include "runtime/cross_entropy.hpp"
#include "runtime/exponential.hpp"
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

RC_GTEST_PROP(CrossEntropy, HasTheGradientOfItsFunction, ()) {
  const std::int64_t rows = any(1, 5), vocab = any(2, 12);
  Numbers logits = numbers(rows * vocab), exponentials(logits.size()), inverse(static_cast<std::size_t>(rows)),
          losses(inverse.size()), dlogits(logits.size());
  for (double& logit : logits) logit *= 5;
  const Indices targets = targets_below(rows, static_cast<int>(vocab));
  const double scale = 1.0 / static_cast<double>(rows);
  const auto f = [&] {
    cross_entropy_forward<double>(0, logits, targets, {}, exponentials, inverse, losses);
    return scale * dot(losses, Numbers(losses.size(), 1));
  };
  f();
  cross_entropy_backward<double>(0, scale, exponentials, inverse, targets, dlogits);
  RC_ASSERT(distance(dlogits, differences(logits, f)) < close_to_differences);
}

// Two slices whose sums are exchanged by hand: each runs until its exchange, then both go on with what the exchange
// gives.
RC_GTEST_PROP(CrossEntropy, OverSlicesOfTheVocabularyIsTheWhole, ()) {
  const std::int64_t rows = any(1, 5), low = any(1, 8), high = any(1, 8), vocab = low + high;
  const Numbers logits = numbers(rows * vocab);
  const Indices targets = targets_below(rows, static_cast<int>(vocab));
  const auto n = static_cast<std::size_t>(rows);
  Numbers exponentials(logits.size()), inverse(n), losses(n), dlogits(logits.size());
  cross_entropy_forward<double>(0, logits, targets, {}, exponentials, inverse, losses);
  cross_entropy_backward<double>(0, 1, exponentials, inverse, targets, dlogits);

  Numbers most(n), sums(2 * n);  // over both slices
  for (std::int64_t i = 0; i < rows; ++i) {
    most[static_cast<std::size_t>(i)] = *std::max_element(logits.begin() + i * vocab, logits.begin() + (i + 1) * vocab);
  }
  for (const bool with_sums : {false, true}) {
    Numbers total(2 * n);
    for (const bool upper : {false, true}) {
      const std::int64_t first = upper ? low : 0, columns = upper ? high : low;
      Numbers slice, e(static_cast<std::size_t>(rows * columns)), local_inverse(n), local_losses(n), gradient(e.size());
      for (std::int64_t i = 0; i < rows; ++i)
        slice.insert(slice.end(), logits.begin() + i * vocab + first, logits.begin() + i * vocab + first + columns);
      const AcrossVocabulary<double> across{
          [&](std::span<double> list) { std::copy(most.begin(), most.end(), list.begin()); },
          [&](std::span<double> list) {
            for (std::size_t i = 0; i < list.size(); ++i) total[i] += list[i];
            if (with_sums) std::copy(sums.begin(), sums.end(), list.begin());
          }};
      cross_entropy_forward<double>(first, slice, targets, across, e, local_inverse, local_losses);
      if (!with_sums) continue;
      RC_ASSERT(distance(local_losses, losses) < the_same);
      cross_entropy_backward<double>(first, 1, e, local_inverse, targets, gradient);
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
          RC_ASSERT(std::abs(gradient[static_cast<std::size_t>(i * columns + j)] -
                             dlogits[static_cast<std::size_t>(i * vocab + first + j)]) < the_same);
        }
      }
    }
    sums = total;
  }
}

// Logits ln 1, ln 2, ln 5: the sum is 8; the loss of the second is ln 4.
TEST(CrossEntropy, OfAnExample) {
  Numbers e(3), inverse(1), loss(1), dlogits(3);
  const Indices target{1};
  cross_entropy_forward<double>(0, Numbers{0, std::log(2), std::log(5)}, target, {}, e, inverse, loss);
  EXPECT_NEAR(loss[0], std::log(4), 1e-15);
  cross_entropy_backward<double>(0, 1, e, inverse, target, dlogits);
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
