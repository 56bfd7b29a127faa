// Does the CSV reader read what RFC 4180 writes, and say where a file is wrong?
#include "base/files/csv.hpp"

#include <gmock/gmock.h>

namespace forerun {
namespace {

TEST(Csv, QuotesProtectCommasQuotesAndLineBreaks) {
  const auto table = parse_csv("a,b\r\n\"x, \"\"y\"\"\nz\",2\r\n", "f.csv");
  ASSERT_TRUE(table) << to_string(table.error());
  ASSERT_EQ(table->rows.size(), 1U);
  EXPECT_EQ(table->rows[0][0].text, "x, \"y\"\nz");
  EXPECT_EQ(table->rows[0][1].text, "2");
}

TEST(Csv, EveryCellKnowsItsPlaceInCharacters) {
  const auto table = parse_csv(
      "\xEF\xBB\xBF"
      "a,b,c\n\n\xC3\xA9\xC3\xA9,,x",
      "f.csv");  // a byte-order mark, an empty line, two accented letters
  ASSERT_TRUE(table);
  EXPECT_EQ(table->header[0].text, "a");
  const auto& row = table->rows.at(0);
  EXPECT_EQ(row[0].at, (Position{"f.csv", 3, 1}));
  EXPECT_EQ(row[1].at, (Position{"f.csv", 3, 4}));
  EXPECT_EQ(row[1].text, "");
  EXPECT_EQ(row[2].at, (Position{"f.csv", 3, 5}));
}

TEST(Csv, SaysWhichRowHasAnotherLength) {
  const auto table = parse_csv("a,b\n1,2\n3\n4,5,6\n", "f.csv");
  ASSERT_FALSE(table);
  ASSERT_EQ(table.error().size(), 2U);
  EXPECT_EQ(table.error()[0].at, (Position{"f.csv", 3, 1}));
  EXPECT_EQ(table.error()[1].message, "3 cells in a file of 2 columns");
}

TEST(Csv, RefusesNoHeaderRepeatedColumnsAndStrayQuotes) {
  EXPECT_EQ(parse_csv("", "f.csv").error().at(0).message, "the file has no header line");
  EXPECT_EQ(parse_csv("a,b\n", "f.csv").error().at(0).message, "the file has no rows below its header");
  EXPECT_EQ(parse_csv("a,a\n", "f.csv").error().at(0).at, (Position{"f.csv", 1, 3}));
  EXPECT_EQ(parse_csv("a\n\"x\n", "f.csv").error().at(0).message, "the quote that opens here is never closed");
  EXPECT_EQ(parse_csv("a\nx\"y\n", "f.csv").error().at(0).at, (Position{"f.csv", 2, 2}));
}

}  // namespace
}  // namespace forerun
