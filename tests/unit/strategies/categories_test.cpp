// Are memory and time added up over every category, and is a category found by its member and by its tensors?
#include <gtest/gtest.h>

#include <set>

#include "strategies/programs/breakdown.hpp"
#include "strategies/programs/memory_use.hpp"
#include "strategies/search/advice.hpp"

namespace forerun {
namespace {

TEST(MemoryCategories, AreEachAddedOnce) {
  StageMemory memory;
  double power = 1;  // sums of different powers of two are different
  for (const MemoryCategory& category : memory_categories) memory.*category.bytes = Bytes{power}, power *= 2;
  EXPECT_EQ(memory.allocated().value(), power - 1);
  EXPECT_EQ(memory.workspace.value(), power / 2);  // the last row
}

TEST(MemoryCategories, AreFoundByTheirMemberAndByTheirTensors) {
  EXPECT_EQ(memory_categories[memory_category(&StageMemory::optimizer)].key, "optimizer");
  EXPECT_EQ(memory_categories[memory_category(MemoryKind::gathered)].bytes, &StageMemory::gathered);
  EXPECT_EQ(memory_categories[memory_category(MemoryKind::communication)].bytes, &StageMemory::communication);
}

TEST(MemoryCategories, BindWhereTheyAreTheLargestThatAPlanCanChange) {
  MemoryUse use{.stages = std::vector<StageMemory>(2), .peak_stage = 1};
  use.stages[0].parameters = Bytes{9};  // not the peak stage
  use.stages[1] = {.parameters = Bytes{1}, .transient = Bytes{2}, .communication = Bytes{8}, .workspace = Bytes{8}};
  EXPECT_EQ(binding_category(use), "transient buffers at stage 1");
}

TEST(TimeCategories, AreEachAddedOnceButWhatIsHidden) {
  Breakdown b;
  double power = 1;
  for (const TimeCategory& category : time_categories) {
    if (category.dimension) {
      b.exposed[static_cast<std::size_t>(*category.dimension)] = Seconds{power};
      b.hidden[static_cast<std::size_t>(*category.dimension)] = Seconds{1e9};
    } else {
      b.*category.time = Seconds{power};
    }
    EXPECT_EQ(category.exposed(b).value(), power) << category.name;
    power *= 2;
  }
  EXPECT_EQ(b.total().value(), power - 1);
}

TEST(TimeCategories, HaveMarksAndLabelsOfTheirOwn) {
  std::set<std::string> labels;
  std::set<char> marks;
  for (const TimeCategory& category : time_categories) labels.insert(label(category)), marks.insert(category.mark);
  EXPECT_EQ(labels.size(), time_categories.size());
  EXPECT_EQ(marks.size(), time_categories.size());
  EXPECT_TRUE(labels.contains("tp communication") && labels.contains("compute"));
}

TEST(TimeCategories, OfADimensionAreNamedAfterIt) {
  for (const TimeCategory& category : time_categories) {
    if (!category.dimension) continue;
    EXPECT_EQ(category.name, to_string(*category.dimension));
  }
}

}  // namespace
}  // namespace forerun
