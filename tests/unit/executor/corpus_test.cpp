// Is the text that a model trains on its own, and the same for every plan?
#include "executor/ranks/corpus.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "executor/ranks/weights.hpp"

namespace forerun {
namespace {

constexpr int vocab = 1000;

// A fifth of the tokens do not follow from the one before, and one in a thousand of those does by chance.
TEST(Corpus, MostlyFollowsFromTheTokenBefore) {
  constexpr int length = 20'000;
  const auto text = sequence_of(1, 0, 0, length, vocab);
  ASSERT_EQ(text.size(), length + 1U);
  int drawn = 0;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    ASSERT_TRUE(0 <= text[i] && text[i] < vocab);
    drawn += text[i + 1] != (5 * text[i] + 3) % vocab ? 1 : 0;
  }
  constexpr double share = 0.2 * (1 - 1.0 / vocab);
  EXPECT_NEAR(drawn, share * length, 5 * std::sqrt(share * length));
}

TEST(Corpus, DependsOnSeedStepAndSequence) {
  const auto text = sequence_of(1, 2, 3, 32, vocab);
  EXPECT_EQ(text, sequence_of(1, 2, 3, 32, vocab));
  EXPECT_NE(text, sequence_of(2, 2, 3, 32, vocab));
  EXPECT_NE(text, sequence_of(1, 3, 3, 32, vocab));
  EXPECT_NE(text, sequence_of(1, 2, 4, 32, vocab));
}

// The first weight of the embedding is made of hash(seed, 1, 0, 0), and the first sequence of step 1 was made of the
// same: where its second token was a surprise (a number below 0.2), the weight (the cosine of that number of turns) was
// above 0, always. It is so in half of the seeds.
TEST(Corpus, KnowsNothingOfTheFirstWeights) {
  const Weight table{.kind = WeightKind::table,
                     .all_rows = vocab,
                     .all_columns = 1,
                     .rows = {0, 1},
                     .columns = {{0, 1}},
                     .count = 1,
                     .deviation = 1};
  int surprises = 0, above = 0;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    const auto text = sequence_of(seed, 1, 0, 1, vocab);
    if (text[1] == (5 * text[0] + 3) % vocab) continue;
    double weight = 0;
    first_values<double>(seed, 0, table, {&weight, 1});
    ++surprises;
    above += weight > 0 ? 1 : 0;
  }
  EXPECT_GT(surprises, 300);  // 400 of 2000
  EXPECT_NEAR(above, surprises / 2.0, 5 * std::sqrt(surprises / 4.0));
}

}  // namespace
}  // namespace forerun
