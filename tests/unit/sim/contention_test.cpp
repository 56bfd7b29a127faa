// Do tasks that demand more of a capacity than it has slow each other as max-min fairness says?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/replay.hpp"

namespace forerun {
namespace {

using testing::ElementsAre;

// Tasks of given work and share of one capacity of 1, all ready at 0.
struct Share {
  Tick work;
  double share;
};
Timeline together(std::initializer_list<Share> tasks) {
  TaskGraphBuilder builder;
  const CapacityId capacity = builder.add_capacity(1);
  for (const auto& [work, share] : tasks) builder.demand(builder.add_task(work), capacity, share);
  return replay(builder.build());
}

TEST(Contention, IsNoneWhereTheCapacityHasRoom) {
  EXPECT_THAT(together({{1001, 0.5}, {77, 0.5}}).finish, ElementsAre(1001, 77));
}

// Both run at 1 / 1.25 = 0.8 until the second has done its 400, at 500. By then the first has done 400 of 1000: 600
// more at full rate.
TEST(Contention, OfAComputationAndACollectiveSlowsBoth) {
  EXPECT_THAT(together({{1000, 1}, {400, 0.25}}).finish, ElementsAre(1100, 500));
}

// Both run at 0.8 all the time: 1003 / 0.8 = 1253.75, to the nearest picosecond.
TEST(Contention, RoundsToTheNearestTick) {
  EXPECT_THAT(together({{1003, 1}, {1003, 0.25}}).finish, ElementsAre(1254, 1254));
}

// Three at a third until the shortest has done 100, at 300; two at a half until 200 are done, at 500; the last has 100
// left.
TEST(Contention, EasesAsTasksEnd) {
  EXPECT_THAT(together({{100, 1}, {200, 1}, {300, 1}}).finish, ElementsAre(300, 500, 600));
}

// At full rate to 40, then at a half: 60 left take 120, and the newcomer has by then done 60 of its 100; 40 more at
// full rate.
TEST(Contention, StartsWhenTheOtherStarts) {
  TaskGraphBuilder builder;
  const CapacityId link = builder.add_capacity(50e9);
  const TaskId first = builder.add_task(100), delay = builder.add_task(40), second = builder.add_task(100);
  for (const TaskId task : {first, second}) builder.demand(task, link, 50e9);
  builder.depend(delay, second);
  EXPECT_THAT(replay(builder.build()).finish, ElementsAre(160, 40, 200));
}

// One task after the other takes the same share: whoever runs beside them never notices the change.
TEST(Contention, GoesOnUnchangedWhenOneLikeTheOtherFollows) {
  TaskGraphBuilder builder;
  const StreamId stream = builder.add_stream();
  const CapacityId link = builder.add_capacity(2);
  const TaskId beside = builder.add_task(90);
  builder.demand(beside, link, 1);
  for (int i = 0; i < 3; ++i) {
    const TaskId task = builder.add_task(30);
    builder.enqueue(task, stream);
    builder.demand(task, link, 1);
  }
  EXPECT_THAT(replay(builder.build()).finish, ElementsAre(90, 30, 60, 90));
}

// A task on two links runs at the rate of the narrower one and leaves the rest of the wider one to others: link 0 is
// shared by a and b at 0.5 each; link 1 has 2, of which b takes 0.5, so that c runs at full rate.
TEST(Contention, IsSetByTheNarrowestLink) {
  TaskGraphBuilder builder;
  const CapacityId narrow = builder.add_capacity(1), wide = builder.add_capacity(2);
  const TaskId a = builder.add_task(100), b = builder.add_task(100), c = builder.add_task(100);
  for (const TaskId task : {a, b}) builder.demand(task, narrow, 1);
  for (const TaskId task : {b, c}) builder.demand(task, wide, 1);
  EXPECT_THAT(replay(builder.build()).finish, ElementsAre(200, 200, 100));
}

}  // namespace
}  // namespace forerun
