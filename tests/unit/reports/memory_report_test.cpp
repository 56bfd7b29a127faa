// Does a person see every category of memory that a program sees, and what is missing?
#include "reports/memory_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace forerun {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr double gib = 1024.0 * 1024 * 1024;

// One stage with 1, 2, ... 8 GiB in its categories, 36 GiB together; 4 and 2 GiB beside them.
MemoryUse use_of(double capacity) {
  MemoryUse use{.stages = std::vector<StageMemory>(1),
                .reserve = Bytes{4 * gib},
                .context = Bytes{2 * gib},
                .capacity = Bytes{capacity * gib}};
  double n = 0;
  for (const MemoryCategory& category : memory_categories) use.stages[0].*category.bytes = Bytes{++n * gib};
  return use;
}

TEST(MemoryReport, HasEveryCategoryInTableAndJson) {
  const MemoryUse use = use_of(100);
  const std::string table = memory_table(use, 100);
  const nlohmann::ordered_json json = to_json(use);
  double n = 0;
  for (const MemoryCategory& category : memory_categories) {
    ++n;
    EXPECT_THAT(table, HasSubstr(std::string(category.label))) << category.key;
    EXPECT_THAT(table, HasSubstr(std::to_string(static_cast<int>(n)) + " GiB")) << category.key;
    EXPECT_EQ(json["peak"][std::string(category.key)], n * gib) << category.key;
  }
  EXPECT_EQ(json["peak"].size(), memory_categories.size() + 1);
  EXPECT_EQ(json["peak"]["allocated"], 36 * gib);
  EXPECT_EQ(json["total"], 42 * gib);
  EXPECT_EQ(json["headroom"], 58 * gib);
  EXPECT_THAT(table, AllOf(HasSubstr("36 GiB"), HasSubstr("42 GiB"), HasSubstr("42.0 %"), HasSubstr("100 GiB")));
}

TEST(MemoryReport, LeavesOutWhatIsNotUsed) {
  MemoryUse use{.stages = std::vector<StageMemory>(1), .capacity = Bytes{gib}};
  use.stages[0].parameters = Bytes{gib / 2};
  EXPECT_THAT(memory_table(use, 100), AllOf(HasSubstr("parameters"), testing::Not(HasSubstr("gradients"))));
  EXPECT_EQ(to_json(use)["peak"]["gradients"], 0);
}

TEST(MemoryReport, SaysWhatWouldFit) {
  const MemoryUse use = use_of(40);  // short by 2 GiB; transient (6 GiB) is the largest that a plan can change
  const std::vector<Change> changes{{.what = "zero 1", .plan = {.zero = 1}, .total = Bytes{39 * gib}}};
  EXPECT_EQ(no_fit_text({}, use, changes),
            "does not fit: short by 2 GiB at stage 0; transient buffers at stage 0 bind\n"
            "  would fit: zero 1 (39 GiB)\n");
  EXPECT_THAT(no_fit_text({.tp = 2, .dp = 4}, use, {}), HasSubstr("another split of the 8 devices"));
  nlohmann::ordered_json json;
  add_no_fit(json, use, changes);
  EXPECT_EQ(json["binding"], "transient buffers at stage 0");
  EXPECT_EQ(json["would_fit"][0]["plan"]["zero"], 1);
  EXPECT_EQ(json["would_fit"][0]["memory_total"], 39 * gib);
}

TEST(MemoryReport, OfAPlanThatFitsAddsNothing) {
  nlohmann::ordered_json json;
  add_no_fit(json, use_of(100), {});
  EXPECT_TRUE(json.empty());
}

}  // namespace
}  // namespace forerun
