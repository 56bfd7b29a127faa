// Does the allocator count what was asked for, and say who made the peak?
#include "runtime/allocator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

namespace forerun {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Change = Allocator::Change;
using Live = Allocator::Live;

TEST(Allocator, CountsToTheByteWhateverTheAlignment) {
  Allocator memory;
  const Allocation three = memory.allocate("three", 3), five = memory.allocate("five", 5);
  EXPECT_EQ(memory.in_use(), 8);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(three.as<char>().data()) % Allocator::alignment, 0u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(five.as<char>().data()) % Allocator::alignment, 0u);
  EXPECT_EQ(five.as<char>().size(), 5u);
}

TEST(Allocator, KnowsWhoWasAliveAtThePeak) {
  Allocator memory;
  Allocation weights = memory.allocate("weights", 100, 0);
  {
    const Allocation a = memory.allocate("activation", 10, 1), b = memory.allocate("activation", 20, 1);
  }
  Allocation late = memory.allocate("gradient", 29, 2);  // 129 < 130
  EXPECT_EQ(memory.peak(), 130);
  EXPECT_EQ(memory.in_use(), 129);
  EXPECT_THAT(memory.live_at_peak(),
              ElementsAre(Live{"weights", 0, 100}, Live{"activation", 1, 10}, Live{"activation", 1, 20}));
  EXPECT_THAT(memory.peak_by_tag(), ElementsAre(100, 30));
}

TEST(Allocator, WritesACurve) {
  Allocator memory;
  memory.move_to(3);
  Allocation a = memory.allocate("a", 8, 1);
  memory.move_to(7);
  a = {};
  EXPECT_THAT(memory.changes(), ElementsAre(Change{3, 8, 1, 0}, Change{7, -8, 1, 0}));
  EXPECT_THAT(memory.names(), ElementsAre("a"));
}

TEST(Allocator, ForgetsWhatWasBeforeButNotWhatIsThere) {
  Allocator memory;
  const Allocation weights = memory.allocate("weights", 10);
  Allocation early = memory.allocate("early", 90);
  early = {};
  memory.forget();
  EXPECT_EQ(memory.peak(), 10);
  EXPECT_THAT(memory.changes(), IsEmpty());
  EXPECT_THAT(memory.live_at_peak(), ElementsAre(Live{"weights", 0, 10}));
  const Allocation later = memory.allocate("later", 5);
  EXPECT_EQ(memory.peak(), 15);
  EXPECT_THAT(memory.live_at_peak(), ElementsAre(Live{"weights", 0, 10}, Live{"later", 0, 5}));
}

TEST(Allocator, ThrowsANamedErrorBeyondItsBudgetAndStaysAsItWas) {
  Allocator memory(100);
  const Allocation most = memory.allocate("most", 90);
  try {
    const Allocation more = memory.allocate("logits", 24);
    FAIL() << "24 B beside 90 B in 100 B";
  } catch (const OutOfMemory& error) {
    EXPECT_EQ(error.name, "logits");
    EXPECT_EQ(error.bytes, 24);
    EXPECT_STREQ(error.what(), "'logits' needs 24 B, but 90 B of 100 B are in use");
  }
  EXPECT_EQ(memory.in_use(), 90);
  EXPECT_EQ(memory.peak(), 90);
  EXPECT_EQ(memory.allocate("exactly the rest", 10).bytes(), 10);
}

TEST(Allocator, GivesABlockToTheNextOfItsSize) {
  Allocator memory;
  Allocation a = memory.allocate("a", 1000);
  const void* where = a.as<char>().data();
  a = {};
  EXPECT_EQ(memory.in_use(), 0);
  const Allocation b = memory.allocate("b", 1000);
  EXPECT_EQ(b.as<char>().data(), where);
}

// Rows of experts are another number each time: steps of an eighth of a power of two.
TEST(Allocator, GivesABlockToTheNextOfALikeSize) {
  Allocator memory;
  Allocation a = memory.allocate("a", 9000);  // 8192 and a step of 1024
  const void* where = a.as<char>().data();
  a = {};
  const Allocation b = memory.allocate("b", 8200), c = memory.allocate("c", 9217);
  EXPECT_EQ(b.as<char>().data(), where);
  EXPECT_EQ(memory.in_use(), 8200 + 9217);  // counted as asked for
}

TEST(Allocation, MovesAndGivesBackOnce) {
  Allocator memory;
  Allocation a = memory.allocate("a", 4);
  const Allocation b = std::move(a);
  EXPECT_TRUE(b);
  EXPECT_EQ(memory.in_use(), 4);
  Allocation c = memory.allocate("c", 6);
  c = memory.allocate("d", 7);
  EXPECT_EQ(memory.in_use(), 11);  // c went when d came
}

TEST(Allocation, OfNothingIsAnAllocation) {
  Allocator memory;
  const Allocation none = memory.allocate("none", 0);
  EXPECT_TRUE(none);
  EXPECT_TRUE(none.as<float>().empty());
  EXPECT_EQ(memory.peak(), 0);
}

}  // namespace
}  // namespace forerun
