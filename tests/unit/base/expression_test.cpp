// Do conditions mean what people read in them, and does every text end in an answer or a problem?
#include "base/expression.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace forerun {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<ExpressionName> names{{"a", {}}, {"b", {}}, {"kind", {"ring", "all_gather"}}};

std::int64_t value(const std::string& text, std::int64_t a = 0, std::int64_t b = 0, std::int64_t kind = 0) {
  const Result<Expression> expression = Expression::parse(text, names);
  EXPECT_TRUE(expression) << text << ": " << to_string(expression.error());
  return expression ? expression->value(std::array{a, b, kind}) : -1;
}

std::string problem(const std::string& text) {
  const Result<Expression> expression = Expression::parse(text, names);
  EXPECT_FALSE(expression) << text;
  return expression ? "" : to_string(expression.error());
}

TEST(Expression, BindsProductsBeforeSumsBeforeComparisonsBeforeConditions) {
  EXPECT_EQ(value("1 + 2 * 3 - 8 / 2 % 3"), 6);  // products from the left: 8 / 2 = 4, 4 % 3 = 1
  EXPECT_EQ(value("(1 + 2) * 3"), 9);
  EXPECT_EQ(value("1 + 1 = 2 and 3 > 2 + 1 or a = 7", 7), 1);
  EXPECT_EQ(value("not a = 1 and b = 2", 0, 2), 1);
  EXPECT_EQ(value("not (a = 1 or b = 2)", 0, 2), 0);
  EXPECT_EQ(value("a % (b * 2) = 0", 12, 3), 1);
  EXPECT_EQ(value("a <= b and b >= a and a != b and not b < a", 1, 2), 1);
  EXPECT_EQ(value("true and not false"), 1);
}

TEST(Expression, ComparesChoicesWithTheirWords) {
  EXPECT_EQ(value("kind = all_gather", 0, 0, 1), 1);
  EXPECT_EQ(value("not kind = ring or a > 0", 0, 0, 0), 0);
  EXPECT_THAT(problem("kind = rings"), HasSubstr("'rings' is none of its words"));
  EXPECT_THAT(problem("kind + 1 = 2"), HasSubstr("a choice is not a number"));
  EXPECT_THAT(problem("a = kind"), HasSubstr("a choice is not a number"));
}

TEST(Expression, DividesByZeroWithoutHarm) {
  EXPECT_EQ(value("a / b", 5, 0), 0);
  EXPECT_EQ(value("a % b", 5, 0), 0);
  EXPECT_EQ(value("a / b", std::numeric_limits<std::int64_t>::min(), -1), std::numeric_limits<std::int64_t>::min());
}

TEST(Expression, SaysWhatIsWrong) {
  EXPECT_THAT(problem("c = 1"), HasSubstr("no name 'c'"));
  EXPECT_THAT(problem(""), HasSubstr("something is missing at the end"));
  EXPECT_THAT(problem("a ="), HasSubstr("something is missing at the end"));
  EXPECT_THAT(problem("a b"), HasSubstr("cannot read on at"));
  EXPECT_THAT(problem("(a = 1"), HasSubstr("a bracket is not closed"));
  EXPECT_THAT(problem("a = 1 & b"), HasSubstr("cannot read on at"));
  EXPECT_THAT(problem(std::string(2000, '(')), HasSubstr("a condition of 2000 letters"));
  std::string deep;
  for (int i = 0; i < 150; ++i) deep += "1+(";
  EXPECT_THAT(problem(deep + "1" + std::string(150, ')')), HasSubstr("too many brackets"));
}

TEST(Expression, NamesWhatItUses) {
  EXPECT_THAT(Expression::parse("b = 1 or kind = ring or b > a", names)->used(), ElementsAre(1, 2, 0));
  EXPECT_TRUE(Expression().holds({}));
}

}  // namespace
}  // namespace forerun
