// Does a person see every category of time that a program sees?
#include "reports/breakdown_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace forerun {
namespace {

using testing::HasSubstr;
using testing::Not;

// 1, 2, ... 11 s in the categories, 66 s together; dimensions hide ten times as much as they expose.
Breakdown breakdown() {
  Breakdown b;
  double n = 0;
  for (const TimeCategory& category : time_categories) {
    ++n;
    if (category.dimension) {
      b.exposed[static_cast<std::size_t>(*category.dimension)] = Seconds{n};
      b.hidden[static_cast<std::size_t>(*category.dimension)] = Seconds{10 * n};
    } else {
      b.*category.time = Seconds{n};
    }
  }
  return b;
}

TEST(BreakdownReport, HasEveryCategoryInTableAndJson) {
  const std::string table = breakdown_table(breakdown(), Seconds{66}, "a note", 120);
  const nlohmann::ordered_json json = to_json(breakdown());
  double n = 0;
  for (const TimeCategory& category : time_categories) {
    ++n;
    const std::string name(category.name);
    EXPECT_THAT(table, HasSubstr(label(category)));
    EXPECT_THAT(table, HasSubstr(std::string(category.meaning))) << name;
    EXPECT_EQ(category.dimension ? json["exposed_s"][name] : json[name + "_s"], n) << name;
    if (category.dimension) {
      EXPECT_EQ(json["hidden_s"][name], 10 * n) << name;
    }
  }
  EXPECT_EQ(json.size(), 8U);  // six of their own, exposed_s and hidden_s
  EXPECT_THAT(table, HasSubstr("a note"));
  EXPECT_THAT(table, HasSubstr("16.7 %"));  // host: 11 of 66
}

TEST(BreakdownReport, LeavesOutWhatTakesNoTime) {
  const std::string table = breakdown_table({.compute = Seconds{1}}, Seconds{1}, "", 120);
  EXPECT_THAT(table, Not(HasSubstr("communication")));
}

TEST(BreakdownReport, HasAColumnForWhatAnyoneWaitsFor) {
  const Breakdown one{.compute = Seconds{1}}, other{.compute = Seconds{1}, .host = Seconds{1}};
  const std::array<const Breakdown*, 2> both{&one, &other};
  const std::vector<TimeCategory> used = waited_for(both);
  ASSERT_EQ(used.size(), 2U);
  EXPECT_EQ(used[0].name, "compute");
  EXPECT_EQ(used[1].name, "host");
}

TEST(BreakdownReport, DrawsSharesOfTheStep) {
  // Three quarters and one quarter of 40 characters.
  const Breakdown b{.compute = Seconds{3}, .bubble = Seconds{1}};
  EXPECT_EQ(bar(b, 40), std::string(30, '#') + std::string(10, '.') + "\n# compute, . bubble\n");
}

TEST(Band, HasOneUnitWhereItsEndsHave) {
  EXPECT_EQ(band({.median = Seconds{14.7}}), "14.7 s (14.7 to 14.7)");
  // exp(1.2816 x 0.16) is 1.2276: 764 ms and 1.15 s.
  EXPECT_EQ(band({.median = Seconds{0.938}, .spread = 0.16}), "938 ms (764 ms to 1.15 s)");
}

}  // namespace
}  // namespace forerun
