// Do noise, stragglers and failures do what they say, the same every time?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "sim/replay.hpp"

namespace forerun {
namespace {

using testing::Each;
using testing::ElementsAre;

// Two streams, a task on each, then one on both, and one after it on the first.
struct TwoRanks {
  TaskGraphBuilder builder;
  StreamId left = builder.add_stream(), right = builder.add_stream();
  TaskId a = builder.add_task(100), b = builder.add_task(100), both = builder.add_task(50),
         after = builder.add_task(10);

  TaskGraph graph() {
    builder.enqueue(a, left);
    builder.enqueue(b, right);
    for (const StreamId stream : {left, right}) builder.enqueue(both, stream);
    builder.enqueue(after, left);
    return builder.build();
  }
};

TEST(Slow, StreamsMakeTheOthersWait) {  // the collective takes the factor of its slowest member
  TwoRanks ranks;
  const Timeline timeline = replay(ranks.graph(), {.slow = {{ranks.right, 1.5}}});
  EXPECT_THAT(timeline.finish, ElementsAre(100, 150, 225, 235));
}

TEST(Slow, StreamsMayBeFast) {
  TwoRanks ranks;
  const Timeline timeline = replay(ranks.graph(), {.slow = {{ranks.right, 0.5}}});
  EXPECT_THAT(timeline.finish, ElementsAre(100, 50, 150, 160));
}

TEST(Failure, StopsWhatRunsThereAndWhoWaitsForIt) {
  TwoRanks ranks;
  const Timeline timeline = replay(ranks.graph(), {.failure = Failure{.streams = {ranks.right}, .at = 60}});
  EXPECT_FALSE(timeline.complete);
  EXPECT_THAT(timeline.blocked, ElementsAre(ranks.b, ranks.both, ranks.after));
  EXPECT_THAT(timeline.start, ElementsAre(0, 0, never, never));
  EXPECT_THAT(timeline.finish, ElementsAre(100, never, never, never));
  EXPECT_EQ(timeline.makespan, 100u);
}

TEST(Failure, LeavesWhatHasEndedAndStartsNothing) {  // at 100 the first two are done, and the collective does not start
  TwoRanks ranks;
  const Timeline timeline = replay(ranks.graph(), {.failure = Failure{.streams = {ranks.right}, .at = 100}});
  EXPECT_THAT(timeline.blocked, ElementsAre(ranks.both, ranks.after));
  EXPECT_EQ(timeline.start[index(ranks.both)], never);
}

TEST(Failure, AfterTheEndChangesNothing) {
  TwoRanks one, other;
  EXPECT_EQ(replay(one.graph(), {.failure = Failure{.streams = {one.left, one.right}, .at = 160}}),
            replay(other.graph()));
}

TEST(Failure, GivesItsShareBack) {  // both at a half until 60, when the survivor has 70 of its 100 left
  TaskGraphBuilder builder;
  const StreamId stream = builder.add_stream();
  const CapacityId link = builder.add_capacity(1);
  const TaskId survivor = builder.add_task(100), victim = builder.add_task(100);
  builder.enqueue(victim, stream);
  for (const TaskId task : {survivor, victim}) builder.demand(task, link, 1);
  const Timeline timeline = replay(builder.build(), {.failure = Failure{.streams = {stream}, .at = 60}});
  EXPECT_THAT(timeline.finish, ElementsAre(130, never));
}

TaskGraph independent_tasks(std::size_t count) {
  TaskGraphBuilder builder;
  for (std::size_t i = 0; i < count; ++i) builder.add_task(1'000'000'000);
  return builder.build();
}

TEST(Jitter, IsTheSameForTheSameSeedAndNotForAnother) {
  const TaskGraph graph = independent_tasks(50);
  const Timeline timeline = replay(graph, {.seed = 1, .jitter = 0.1});
  EXPECT_EQ(timeline, replay(graph, {.seed = 1, .jitter = 0.1}));
  EXPECT_NE(timeline, replay(graph, {.seed = 2, .jitter = 0.1}));
  EXPECT_THAT(replay(graph, {.seed = 1}).finish, Each(1'000'000'000));
}

TEST(Jitter, OfATaskDoesNotDependOnTheOthers) {
  const Disturbance disturbance{.seed = 1, .jitter = 0.1};
  const Timeline few = replay(independent_tasks(2), disturbance), many = replay(independent_tasks(9), disturbance);
  EXPECT_EQ(few.finish[1], many.finish[1]);
}

// The logarithms of 40,000 samples: mean 0 and deviation 0.1, each within five standard errors (0.1 / 200, and 1 /
// sqrt(2 n) of 0.1).
TEST(Jitter, IsLogNormal) {
  constexpr std::size_t n = 40'000;
  const std::vector<Tick> work = disturbed_work(independent_tasks(n), {.seed = 3, .jitter = 0.1});
  double sum = 0, squares = 0;
  for (const Tick ticks : work) {
    const double z = std::log(static_cast<double>(ticks) / 1e9);
    sum += z / n;
    squares += z * z / n;
  }
  EXPECT_NEAR(sum, 0, 5 * 0.1 / 200);
  EXPECT_NEAR(std::sqrt(squares), 0.1, 5 * 0.1 / std::sqrt(2.0 * n));
}

}  // namespace
}  // namespace forerun
