// Is the critical path the chain that made the run as long as it was, and the longest path a bound that none beats?
#include "sim/critical_path.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/replay.hpp"

namespace forerun {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A diamond: first, then a short and a long one, then a last one.
struct Diamond {
  TaskGraphBuilder builder;
  TaskId first = builder.add_task(5), lengthy = builder.add_task(9), last = builder.add_task(1), brief;

  explicit Diamond(Tick brief_work = 3) : brief(builder.add_task(brief_work)) {
    for (const TaskId middle : {brief, lengthy}) {
      builder.depend(first, middle);
      builder.depend(middle, last);
    }
  }
};

TEST(CriticalPath, IsTheChainThatEndsLast) {
  Diamond diamond;
  const TaskGraph graph = diamond.builder.build();
  EXPECT_THAT(critical_path(graph, replay(graph)), ElementsAre(diamond.first, diamond.lengthy, diamond.last));
  EXPECT_EQ(longest_path(graph), 5u + 9u + 1u);
}

TEST(CriticalPath, TakesTheSmallestIdOfEqualOnes) {
  Diamond diamond(9);
  const TaskGraph graph = diamond.builder.build();
  EXPECT_THAT(critical_path(graph, replay(graph)), ElementsAre(diamond.first, diamond.lengthy, diamond.last));
  EXPECT_LT(diamond.lengthy, diamond.brief);
}

TEST(CriticalPath, GoesAlongStreams) {
  TaskGraphBuilder builder;
  const StreamId stream = builder.add_stream();
  const TaskId a = builder.add_task(5), b = builder.add_task(5);
  builder.enqueue(a, stream);
  builder.enqueue(b, stream);
  const TaskGraph graph = builder.build();
  EXPECT_THAT(critical_path(graph, replay(graph)), ElementsAre(a, b));
}

TEST(CriticalPath, OfARunThatFailedEndsWithTheLastThatFinished) {
  Diamond diamond;
  const StreamId stream = diamond.builder.add_stream();
  diamond.builder.enqueue(diamond.lengthy, stream);
  const TaskGraph graph = diamond.builder.build();
  const Timeline timeline = replay(graph, {.failure = Failure{.streams = {stream}, .at = 6}});
  EXPECT_THAT(critical_path(graph, timeline), ElementsAre(diamond.first, diamond.brief));
}

TEST(CriticalPath, OfNothingIsEmpty) {
  const TaskGraph graph = TaskGraphBuilder().build();
  EXPECT_THAT(critical_path(graph, replay(graph)), IsEmpty());
}

TEST(LongestPath, TakesOtherWork) {
  Diamond diamond;
  const std::vector<Tick> work{1, 2, 3, 100};  // in the order of their ids
  EXPECT_EQ(longest_path(diamond.builder.build(), work), 1u + 100u + 3u);
}

}  // namespace
}  // namespace forerun
