// Are the first problems of a file listed in order, once each, and the others counted?
#include "base/problem_list.hpp"

#include <gtest/gtest.h>

namespace forerun {
namespace {

Problem on_line(int line) { return {{"a.yaml", line, 1}, "wrong", ""}; }

TEST(AProblemList, IsInOrderAndRepeatsNothing) {
  ProblemList list;
  for (const int line : {3, 1, 3, 2, 1}) list.add_in_order(on_line(line));
  EXPECT_EQ(list.problems(), (Problems{on_line(1), on_line(2), on_line(3)}));
  EXPECT_EQ(list.size(), 3U);
}

TEST(AProblemList, CountsWhatItDoesNotList) {
  ProblemList list;
  for (int line = 1; line <= 1000; ++line) list.add(on_line(line));
  EXPECT_EQ(list.size(), 1000U);
  ASSERT_EQ(list.problems().size(), ProblemList::most + 1);
  EXPECT_EQ(to_string(list.problems().back()), "a.yaml: error: 950 more problems\n  hint: mend those above first");
}

TEST(AProblemList, ListsTheFirstPlacesWheneverTheyAreFound) {
  ProblemList list;
  for (int line = 100; line > 0; --line) list.add_in_order(on_line(line));
  EXPECT_EQ(list.size(), 100U);
  EXPECT_EQ(list.problems()[0], on_line(1));
  EXPECT_EQ(list.problems()[49], on_line(50));
  EXPECT_EQ(list.problems()[50].message, "50 more problems");
  EXPECT_FALSE(list.would_list({"a.yaml", 51, 1}));
  EXPECT_TRUE(list.would_list({"a.yaml", 49, 9}));
}

TEST(AProblemList, OfOneMoreSaysSo) {
  ProblemList list;
  for (int line = 1; line <= 51; ++line) list.add_in_order(on_line(line));
  EXPECT_EQ(list.problems().back().message, "1 more problem");
}

}  // namespace
}  // namespace forerun
