// Is the word found that a person meant, and none where nothing is near?
#include "base/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace forerun {
namespace {

const std::vector<std::string> keys = {"bandwidth", "capacity", "latency", "tp", "dp", "h100-sxm-80gb"};

TEST(Nearest, ForgivesSlips) {
  EXPECT_EQ(nearest("bandwith", keys), "bandwidth");   // one left out
  EXPECT_EQ(nearest("bandwdith", keys), "bandwidth");  // two swapped
  EXPECT_EQ(nearest("latencyy", keys), "latency");     // one too many
  EXPECT_EQ(nearest("kapazity", keys), "capacity");    // two replaced, of eight
  EXPECT_EQ(nearest("tb", keys), "tp");
}

TEST(Nearest, IgnoresCaseAndSeparators) { EXPECT_EQ(nearest("H100_SXM.80 GB", keys), "h100-sxm-80gb"); }

TEST(Nearest, IsEmptyWhereNothingIsNear) {
  EXPECT_EQ(nearest("memory", keys), "");
  EXPECT_EQ(nearest("lxtxnxy", keys), "");  // three of seven letters: more than a third
  EXPECT_EQ(nearest("x", {"a"}), "") << "one letter replaced by another is no slip";
  EXPECT_EQ(nearest("", keys), "");
  EXPECT_EQ(nearest("word", {}), "");
  EXPECT_EQ(nearest(std::string(100'000, 'x'), keys), "");
}

TEST(Nearest, TakesTheNearestAndThenTheFirst) {
  EXPECT_EQ(nearest("pipelin", {"pipelines", "pipeline"}), "pipeline");
  EXPECT_EQ(nearest("xp", {"tp", "dp"}), "tp");
}

TEST(Suggestion, NamesTheNearestOrAll) {
  EXPECT_EQ(suggestion("bandwith", keys), "did you mean 'bandwidth'?");
  EXPECT_EQ(suggestion("memory", {"a", "b"}), "write one of: a, b");
  EXPECT_EQ(suggestion("memory", {}), "");
}

TEST(Suggestion, NamesTwelveAtMost) {
  std::vector<std::string> many;
  for (char c = 'a'; c < 'a' + 14; ++c) many.emplace_back(1, c);
  EXPECT_EQ(suggestion("memory", many), "write one of: a, b, c, d, e, f, g, h, i, j, k, l (and 2 more)");
}

TEST(Text, JoinAndLower) {
  EXPECT_EQ(join({}, ", "), "");
  EXPECT_EQ(join({"a"}, ", "), "a");
  EXPECT_EQ(join({"a", "", "b"}, ", "), "a, , b");
  EXPECT_EQ(lower("GiB Ä"), "gib Ä");
}

TEST(Text, CountsCharactersNotBytes) {
  EXPECT_EQ(characters("é…x"), 3U);
  EXPECT_EQ(first_characters("é…x", 2), "é…");
  EXPECT_EQ(first_characters("ab", 5), "ab");
  EXPECT_EQ(first_characters("é", 0), "");
}

TEST(Text, QuotesAreShortAndPrintable) {
  using namespace std::string_view_literals;
  EXPECT_EQ(quoted("80 gigs"sv), "'80 gigs'");
  EXPECT_EQ(quoted("a\nb\x1b[0m"sv), "'a?b?[0m'");
  EXPECT_EQ(quoted(std::string(61, 'x')), "'" + std::string(60, 'x') + "…'");
  EXPECT_EQ(quoted(std::string(60, 'x')), "'" + std::string(60, 'x') + "'");
}

TEST(Wrapped, BreaksAtSpacesAndWithinLongWords) {
  using testing::ElementsAre;
  EXPECT_THAT(wrapped("tp 8, pp 4, dp 2", 8), ElementsAre("tp 8, pp", "4, dp 2"));
  EXPECT_THAT(wrapped("a/long/path of it", 4), ElementsAre("a/lo", "ng/p", "ath", "of", "it"));
  EXPECT_THAT(wrapped("größe", 3), ElementsAre("grö", "ße"));
  EXPECT_THAT(wrapped("", 3), ElementsAre(""));
}

}  // namespace
}  // namespace forerun
