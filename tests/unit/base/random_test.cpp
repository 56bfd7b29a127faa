// Are random numbers those that are published, spread as they should be, and those of nobody else?
#include "base/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace forerun {
namespace {

// The published first outputs of SplitMix64 for the seed 1234567 (Vigna's reference, as in Rosetta Code's
// "Splitmix64").
TEST(Random, IsSplitMix64) {
  Random random(1234567);
  for (const std::uint64_t expected :
       {6457827717110365317u, 3203168211198807973u, 9817491932198370423u, 4593380528125082431u}) {
    EXPECT_EQ(random.next(), expected);
  }
}

// Seeds and streams from 0 to 31, eight numbers of each: 8192 different ones. With seed + stream in place of streams
// there would be 63 x 8.
TEST(Random, HasStreamsThatShareNothing) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 32; ++seed) {
    for (std::uint64_t stream = 0; stream < 32; ++stream) {
      Random random = Random::stream(seed, stream);
      for (int i = 0; i < 8; ++i) seen.insert(random.next());
    }
  }
  EXPECT_EQ(seen.size(), 32U * 32 * 8);
}

// Of n uniform numbers the mean is 1/2 within 5 / sqrt(12 n), and a tenth lie in each tenth.
TEST(Random, IsUniformFromZeroToBelowOne) {
  constexpr int n = 100'000;
  Random random(7);
  std::array<int, 10> tenth{};
  for (int i = 0; i < n; ++i) {
    const double u = random.uniform();
    ASSERT_TRUE(0 <= u && u < 1);
    ++tenth[static_cast<std::size_t>(10 * u)];
  }
  for (const int count : tenth) EXPECT_NEAR(count, n / 10.0, 5 * std::sqrt(n * 0.09));
}

// Numbers from 8 to 128 are as often below their geometric mean, 32, as above.
TEST(Random, DrawsEveryDoublingAlike) {
  constexpr int n = 10'000;
  Random random(7);
  int below = 0;
  for (int i = 0; i < n; ++i) {
    const double x = random.log_uniform(8, 128);
    ASSERT_TRUE(8 <= x && x <= 128);
    below += x < 32 ? 1 : 0;
  }
  EXPECT_NEAR(below, n / 2.0, 5 * std::sqrt(n / 4.0));
}

TEST(Hash, OfEveryPlaceIsAnother) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t a = 0; a < 16; ++a) {
    for (std::uint64_t b = 0; b < 16; ++b) {
      for (std::uint64_t c = 0; c < 16; ++c) seen.insert(hash_of(1, a, b, c));
    }
  }
  EXPECT_EQ(seen.size(), 16U * 16 * 16);
  EXPECT_NE(hash_of(1, 0), hash_of(2, 0));
}

}  // namespace
}  // namespace forerun
