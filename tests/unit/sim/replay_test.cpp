// Does a task start when its streams and its dependencies let it, and end when its work is done?
#include "sim/replay.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/stuck_tasks.hpp"

namespace forerun {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Replay, OfNothingIsOverAtOnce) {
  const Timeline timeline = replay(TaskGraphBuilder().build());
  EXPECT_EQ(timeline.makespan, 0u);
  EXPECT_TRUE(timeline.complete);
}

TEST(Replay, RunsAStreamFirstInFirstOut) {
  TaskGraphBuilder builder;
  const StreamId stream = builder.add_stream();
  const TaskId a = builder.add_task(5), b = builder.add_task(3);
  builder.enqueue(b, stream);  // the order of enqueue counts, not that of add_task
  builder.enqueue(a, stream);
  const Timeline timeline = replay(builder.build());
  EXPECT_THAT(timeline.start, ElementsAre(3, 0));
  EXPECT_THAT(timeline.finish, ElementsAre(8, 3));
  EXPECT_EQ(timeline.makespan, 8u);
}

TEST(Replay, HoldsAStreamBehindATaskThatWaits) {
  TaskGraphBuilder builder;
  const StreamId stream = builder.add_stream();
  const TaskId first = builder.add_task(1), second = builder.add_task(1), delay = builder.add_task(10);
  builder.enqueue(first, stream);
  builder.enqueue(second, stream);
  builder.depend(delay, first);  // `second` depends on nothing, and waits all the same
  EXPECT_THAT(replay(builder.build()).start, ElementsAre(10, 11, 0));
}

TEST(Replay, StartsATaskWhenItHeadsAllItsStreams) {
  TaskGraphBuilder builder;
  const StreamId left = builder.add_stream(), right = builder.add_stream();
  const TaskId short_one = builder.add_task(2), long_one = builder.add_task(7), both = builder.add_task(4),
               after = builder.add_task(1);
  builder.enqueue(short_one, left);
  builder.enqueue(long_one, right);
  for (const StreamId stream : {left, right}) builder.enqueue(both, stream);
  builder.enqueue(after, left);
  EXPECT_THAT(replay(builder.build()).start, ElementsAre(0, 0, 7, 11));
}

TEST(Replay, TakesDependenciesInAnyOrderOfCreation) {
  TaskGraphBuilder builder;
  const TaskId last = builder.add_task(1), first = builder.add_task(2), middle = builder.add_task(3);
  builder.depend(middle, last);
  builder.depend(first, middle);
  EXPECT_THAT(replay(builder.build()).finish, ElementsAre(6, 2, 5));
}

TEST(Replay, LetsTasksWithoutWorkPassAtOnce) {
  TaskGraphBuilder builder;
  const CapacityId link = builder.add_capacity(1);
  const TaskId a = builder.add_task(4), join = builder.add_task(0), b = builder.add_task(1);
  builder.demand(join, link, 1);
  builder.depend(a, join);
  builder.depend(join, b);
  const Timeline timeline = replay(builder.build());
  EXPECT_THAT(timeline.start, ElementsAre(0, 4, 4));
  EXPECT_THAT(timeline.finish, ElementsAre(4, 4, 5));
}

TEST(Replay, TellsWhoWaitsInACircle) {
  TaskGraphBuilder builder;
  const StreamId left = builder.add_stream(), right = builder.add_stream();
  const TaskId a = builder.add_task(1), b = builder.add_task(1), free = builder.add_task(1),
               after = builder.add_task(1);
  builder.enqueue(a, left);  // two collectives issued in different orders: the classic deadlock
  builder.enqueue(b, left);
  builder.enqueue(b, right);
  builder.enqueue(a, right);
  builder.depend(b, after);
  const TaskGraph graph = builder.build();
  const Timeline timeline = replay(graph);
  EXPECT_FALSE(timeline.complete);
  EXPECT_THAT(timeline.blocked, ElementsAre(a, b, after));
  EXPECT_EQ(timeline.finish[index(free)], 1u);
  EXPECT_EQ(timeline.start[index(a)], never);
  EXPECT_EQ(stuck_tasks(graph), timeline.blocked);
}

TEST(StuckTasks, AreNoneWhereAllEnds) {
  TaskGraphBuilder builder;
  const TaskId a = builder.add_task(1), b = builder.add_task(1);
  builder.depend(b, a);
  EXPECT_EQ(stuck_tasks(builder.build()), std::nullopt);
}

TEST(TaskGraphBuilder, IsAsNewAfterBuilding) {
  TaskGraphBuilder builder;
  builder.enqueue(builder.add_task(1), builder.add_stream());
  EXPECT_EQ(builder.build().size(), 1u);
  EXPECT_EQ(builder.add_task(1), TaskId{0});
  EXPECT_THAT(builder.build().stream, IsEmpty());
}

}  // namespace
}  // namespace forerun
