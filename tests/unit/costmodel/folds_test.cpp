// Is every item predicted once, by what its group had no part in?
#include "costmodel/fitting/folds.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>

namespace forerun {
namespace {

using testing::ElementsAre;

// Groups in the order of their names, a to g, go to folds 0 1 2 3 4 0 1.
TEST(Folds, DealWholeGroupsInTurn) {
  const Folds folds = folds_by(std::vector<std::string>{"g", "a", "b", "f", "c", "d", "a", "e"});
  EXPECT_EQ(folds.groups(), 7U);
  ASSERT_EQ(folds.count(), 5U);
  EXPECT_THAT(folds.members(0), ElementsAre(1, 3, 6));  // a, f, a
  EXPECT_THAT(folds.members(1), ElementsAre(0, 2));     // g, b
  EXPECT_THAT(folds.members(4), ElementsAre(7));
  EXPECT_THAT(folds.others(0), ElementsAre(0, 2, 4, 5, 7));
  EXPECT_THAT(folds.others(3), ElementsAre(1, 3, 6, 0, 2, 4, 7));  // fold after fold
}

TEST(Folds, AreAsManyAsGroupsWhereThoseAreFew) {
  const Folds folds = folds_by(std::vector<double>{2, 1, 2});
  ASSERT_EQ(folds.count(), 2U);
  EXPECT_THAT(folds.members(0), ElementsAre(1));
  EXPECT_THAT(folds.members(1), ElementsAre(0, 2));
}

TEST(Folds, AreNoneWhereNothingCanBeLeftOut) {
  const Folds folds = folds_by(std::vector<double>{3, 3});
  EXPECT_EQ(folds.groups(), 0U);
  EXPECT_EQ(folds.count(), 0U);
}

// The model is the sum of the items that it saw: of 1, 2, 4, 8 in the groups x y x z, x sees 10, y 13 and z 7.
TEST(PredictLeftOut, ShowsAModelOnlyTheOtherFolds) {
  const std::vector<int> items{1, 2, 4, 8};
  const Folds folds = folds_by(std::vector<std::string>{"x", "y", "x", "z"});
  int fits = 0;
  const auto sum_of_others = [&](std::size_t fold) {
    ++fits;
    int sum = 0;
    for (const std::size_t i : folds.others(fold)) sum += items[i];
    return sum;
  };
  const auto predicted =
      predict_left_out(folds, sum_of_others, [&](int sum, std::size_t i) { return std::pair{sum, items[i]}; });
  EXPECT_THAT(predicted, ElementsAre(std::pair{10, 1}, std::pair{13, 2}, std::pair{10, 4}, std::pair{7, 8}));
  EXPECT_EQ(fits, 3);
}

}  // namespace
}  // namespace forerun
