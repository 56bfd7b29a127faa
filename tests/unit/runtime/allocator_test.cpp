// Does the allocator count what was asked for, and say who made the peak?
#include "runtime/allocator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "runtime/backend.hpp"

namespace forerun {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Change = Allocator::Change;
using Live = Allocator::Live;

struct Memory : testing::Test {
  std::unique_ptr<Backend> on = make_cpu_backend();
  Allocator memory{*on};
};

TEST_F(Memory, CountsToTheByteWhateverTheAlignment) {
  const Allocation three = memory.allocate("three", 3), five = memory.allocate("five", 5);
  EXPECT_EQ(memory.in_use(), 8);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(three.as<char>().data()) % Allocator::alignment, 0u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(five.as<char>().data()) % Allocator::alignment, 0u);
  EXPECT_EQ(five.as<char>().size(), 5u);
}

TEST_F(Memory, KnowsWhoWasAliveAtThePeak) {
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

TEST_F(Memory, WritesACurve) {
  memory.move_to(3);
  Allocation a = memory.allocate("a", 8, 1);
  memory.move_to(7);
  a = {};
  EXPECT_THAT(memory.changes(), ElementsAre(Change{3, 8, 1, 0}, Change{7, -8, 1, 0}));
}

TEST_F(Memory, ForgetsWhatWasBeforeButNotWhatIsThere) {
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

TEST_F(Memory, GivesABlockToTheNextOfItsSize) {
  Allocation a = memory.allocate("a", 1000);
  const void* where = a.as<char>().data();
  a = {};
  EXPECT_EQ(memory.in_use(), 0);
  const Allocation b = memory.allocate("b", 1000);
  EXPECT_EQ(b.as<char>().data(), where);
}

// Rows of experts are another number each time: steps of an eighth of a power of two.
TEST_F(Memory, GivesABlockToTheNextOfALikeSize) {
  Allocation a = memory.allocate("a", 9000);  // 8192 and a step of 1024
  const void* where = a.as<char>().data();
  a = {};
  const Allocation b = memory.allocate("b", 8200), c = memory.allocate("c", 9217);
  EXPECT_EQ(b.as<char>().data(), where);
  EXPECT_EQ(memory.in_use(), 8200 + 9217);  // counted as asked for
}

TEST_F(Memory, MovesAndIsGivenBackOnce) {
  Allocation a = memory.allocate("a", 4);
  const Allocation b = std::move(a);
  EXPECT_TRUE(b);
  EXPECT_EQ(memory.in_use(), 4);
  Allocation c = memory.allocate("c", 6);
  c = memory.allocate("d", 7);
  EXPECT_EQ(memory.in_use(), 11);  // c went when d came
}

TEST_F(Memory, OfNothingIsAnAllocation) {
  const Allocation none = memory.allocate("none", 0);
  EXPECT_TRUE(none);
  EXPECT_TRUE(none.as<float>().empty());
  EXPECT_EQ(memory.peak(), 0);
}

}  // namespace
}  // namespace forerun
