// Do events leave in the order of their times, ties as they came, however many there are?
#include <gtest/gtest.h>

#include <queue>

#include "base/random.hpp"
#include "sim/event_queue.hpp"

namespace forerun {
namespace {

Event take(EventQueue& queue) {
  const Event first = queue.top();
  queue.pop();
  return first;
}

TEST(EventQueue, GivesTheEarliestFirst) {
  EventQueue queue;
  for (const Tick at : {30u, 10u, 20u}) queue.push(at, TaskId{0});
  for (const Tick at : {10u, 20u, 30u}) EXPECT_EQ(take(queue).at, at);
  EXPECT_TRUE(queue.empty());
}

TEST(EventQueue, GivesTiesInTheOrderOfScheduling) {
  EventQueue queue;
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(queue.push(7, TaskId{i}), i);
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(take(queue).task, TaskId{i});
}

TEST(EventQueue, MayRunEmptyAndGoOn) {
  EventQueue queue;
  for (std::uint32_t round = 0; round < 10; ++round) {
    queue.push(2 * round + 1, TaskId{1});
    queue.push(2 * round, TaskId{2});
    EXPECT_EQ(queue.size(), 2u);
    EXPECT_EQ(take(queue).task, TaskId{2});
    EXPECT_EQ(take(queue).task, TaskId{1});
    EXPECT_TRUE(queue.empty());
  }
}

struct Later {
  bool operator()(const Event& a, const Event& b) const { return b < a; }
};

// Many enough that most wait in the list behind the horizon. `spread` says how many different times there are.
void compare_with_the_standard_queue(Tick spread) {
  constexpr std::uint32_t many = 400'000;
  EventQueue queue;
  std::priority_queue<Event, std::vector<Event>, Later> expected;
  Random random(1);
  const auto push = [&](Tick now) {
    const Tick at = now + random.next() % spread;
    const std::uint32_t order = queue.push(at, TaskId{7});
    expected.push({.at = at, .order = order, .task = TaskId{7}});
  };
  const auto agree = [&] {
    const Event first = take(queue);
    const bool same = first.at == expected.top().at && first.order == expected.top().order;
    expected.pop();
    return same ? first.at : never;
  };
  for (std::uint32_t i = 0; i < many; ++i) push(0);
  for (std::uint32_t i = 0; i < many; ++i) {  // as many come as go, now and then a burst
    const Tick now = agree();
    ASSERT_NE(now, never);
    for (std::uint64_t n = random.next() % 3; n > 0; --n) push(now);
  }
  while (!expected.empty()) ASSERT_NE(agree(), never);
  EXPECT_TRUE(queue.empty());
}

TEST(EventQueue, KeepsTheOrderOfManyEvents) { compare_with_the_standard_queue(Tick{1} << 40); }
TEST(EventQueue, KeepsTheOrderOfManyEventsWithManyTies) { compare_with_the_standard_queue(100); }
TEST(EventQueue, KeepsTheOrderOfManyEventsAtOneTime) { compare_with_the_standard_queue(1); }

}  // namespace
}  // namespace forerun
