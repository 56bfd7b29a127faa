// Do tables fit the terminal, and say what they left out?
#include "base/table.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "base/text.hpp"

namespace forerun {
namespace {

Table plans() {
  Table table({{.title = "plan", .align = Align::left},
               {.title = "step"},
               {.title = "memory", .priority = 1},
               {.title = "bubble", .priority = 2}});
  table.row({"tp 8, pp 4", "14.7 s", "61 GiB", "3.2 %"});
  table.rule();
  table.row({"tp 4", "9 s", "70.5 GiB", "12.0 %"});
  return table;
}

std::size_t widest_line(const std::string& text) {
  std::size_t widest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, characters(line));
  return widest;
}

TEST(Table, AlignsColumns) {
  EXPECT_EQ(plans().text(80),
            "plan          step    memory  bubble\n"
            "------------------------------------\n"
            "tp 8, pp 4  14.7 s    61 GiB   3.2 %\n"
            "------------------------------------\n"
            "tp 4           9 s  70.5 GiB  12.0 %\n");
}

TEST(Table, DropsTheLeastImportantColumnsAndSaysSo) {
  EXPECT_EQ(plans().text(35),  // one less than the whole
            "plan          step    memory\n"
            "----------------------------\n"
            "tp 8, pp 4  14.7 s    61 GiB\n"
            "----------------------------\n"
            "tp 4           9 s  70.5 GiB\n"
            "not shown: bubble (widen the\n"
            "terminal, or --json)\n");
  EXPECT_NE(plans().text(20).find("not shown: memory,\nbubble"), std::string::npos) << plans().text(20);
}

TEST(Table, WrapsTextButNeverNumbers) {
  Table table({{.title = "plan", .align = Align::left}, {.title = "step"}});
  table.row({"a rather long name of a plan", "123456789"});
  EXPECT_EQ(table.text(20),  // 9 for the number, 2 between, 9 for the text
            "plan            step\n"
            "--------------------\n"
            "a rather   123456789\n"
            "long name\n"
            "of a plan\n");
  EXPECT_NE(table.text(3).find("123456789"), std::string::npos);
}

TEST(Table, FitsEveryWidthThatItCan) {
  for (int width = 12; width < 60; ++width) {  // 4 for the text, 2 between, 6 for "14.7 s"
    EXPECT_LE(widest_line(plans().text(width)), static_cast<std::size_t>(width)) << plans().text(width);
  }
}

TEST(Table, CountsCharactersNotBytes) {
  Table table({{.title = "größe", .align = Align::left}, {.title = "µs"}});
  table.row({"ä", "1"});
  EXPECT_EQ(table.text(80),
            "größe  µs\n"
            "---------\n"
            "ä       1\n");
}

TEST(Table, IsNotBrokenByControlCharacters) {
  Table table({{.title = "name", .align = Align::left}});
  table.row({"a\nb\x1b[31m"});
  EXPECT_EQ(table.text(80), "name\n--------\na b [31m\n");
}

TEST(Table, MayBeEmpty) { EXPECT_EQ(Table({{.title = "a"}}).text(80), "a\n-\n"); }

// Tests run without a terminal on stdout, or with one that knows its width.
TEST(TerminalWidth, IsPositiveAndFollowsColumnsWithoutATerminal) {
  ASSERT_EQ(setenv("COLUMNS", "77", 1), 0);
  const int with = terminal_width();
  ASSERT_EQ(setenv("COLUMNS", "many", 1), 0);
  const int without = terminal_width();
  EXPECT_TRUE((with == 77 && without == 100) || (with == without && with > 0)) << with << ", " << without;
}

}  // namespace
}  // namespace forerun
