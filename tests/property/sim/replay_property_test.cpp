// Does any run keep to its bounds, repeat itself, and never gain from more work?
#include "sim/replay.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/random.hpp"
#include "sim/critical_path.hpp"
#include "sim/stuck_tasks.hpp"
#include "tests/support/cases.hpp"
#include "tests/support/ring_graph.hpp"

namespace forerun {
namespace {

using test::any;
using test::ring;

constexpr int graphs = 3000;

// Up to 40 tasks on up to 4 streams, each on 0 to 2 of them, that depend on earlier ones. Some work is none, and much
// is equal, for ties.
struct Recipe {
  std::uint64_t seed = 0;
  bool contended = false;  // tasks demand up to the whole of one or two of 3 capacities

  TaskGraph graph() const { return graph_with_more(TaskId{0}, 0); }

  // The same, but one task has more work.
  TaskGraph graph_with_more(TaskId longer, Tick more) const {
    Random random(seed);
    const auto below = [&](std::uint64_t limit) { return random.next() % limit; };
    TaskGraphBuilder builder;
    const auto streams = static_cast<std::uint32_t>(1 + below(4));
    for (std::uint32_t s = 0; s < streams; ++s) builder.add_stream();
    for (int c = 0; c < 3; ++c) builder.add_capacity(50);
    const auto tasks = static_cast<std::uint32_t>(1 + below(40));
    for (std::uint32_t t = 0; t < tasks; ++t) {
      const Tick work = below(2) == 0 ? 1000 * below(4) : below(10'000);
      const TaskId task = builder.add_task(work + (TaskId{t} == longer ? more : 0));
      const auto first_stream = static_cast<std::uint32_t>(below(streams));
      const std::uint64_t on = std::min<std::uint64_t>(streams, below(3));
      for (std::uint32_t s = 0; s < on; ++s) builder.enqueue(task, StreamId{(first_stream + s) % streams});
      for (std::uint64_t d = t > 0 ? below(3) : 0; d > 0; --d)
        builder.depend(TaskId{static_cast<std::uint32_t>(below(t))}, task);
      if (contended) {
        const auto first = static_cast<std::uint32_t>(below(3)), count = static_cast<std::uint32_t>(below(3));
        for (std::uint32_t c = 0; c < count; ++c)
          builder.demand(task, CapacityId{(first + c) % 3}, static_cast<double>(1 + below(50)));
      }
    }
    return builder.build();
  }
};

Tick serial(const TaskGraph& graph) { return std::accumulate(graph.work.begin(), graph.work.end(), Tick{0}); }

void for_each_recipe(bool contended, auto&& check) {
  for (std::uint64_t seed = 1; seed <= graphs && !testing::Test::HasFatalFailure(); ++seed) {
    check(Recipe{.seed = seed, .contended = contended});
  }
}

TEST(Replay, WithoutSharingTakesExactlyTheLongestPath) {  // nothing else can make a task wait
  for_each_recipe(false, [](const Recipe& recipe) {
    const TaskGraph graph = recipe.graph();
    const Timeline timeline = replay(graph);
    ASSERT_TRUE(timeline.complete);
    ASSERT_EQ(stuck_tasks(graph), std::nullopt);
    ASSERT_EQ(timeline.makespan, longest_path(graph)) << recipe.seed;
    for (std::size_t t = 0; t < graph.size(); ++t) ASSERT_EQ(timeline.finish[t] - timeline.start[t], graph.work[t]);
  });
}

// I-31. The work is done one task at a time at worst: while any runs, those running make progress of one tick a tick in
// sum, since none demands more than a capacity has. Each change of a rate rounds by half a tick, and a task sees at
// most two for each other task.
TEST(Replay, LiesBetweenTheLongestPathAndTheSumOfAllTasks) {
  bool shared = false;
  for_each_recipe(true, [&](const Recipe& recipe) {
    const TaskGraph graph = recipe.graph();
    const Timeline timeline = replay(graph);
    const Tick rounding = graph.size() * graph.size();
    ASSERT_TRUE(timeline.complete);
    ASSERT_LE(longest_path(graph), timeline.makespan + rounding) << recipe.seed;
    ASSERT_LE(timeline.makespan, serial(graph) + rounding) << recipe.seed;
    shared = shared || timeline.makespan > longest_path(graph) + rounding;
  });
  EXPECT_TRUE(shared);  // else the capacities had no say
}

TEST(Replay, RepeatsItself) {
  for_each_recipe(true, [](const Recipe& recipe) {
    const Disturbance disturbance{.seed = recipe.seed, .jitter = 0.2, .slow = {{StreamId{0}, 1.3}}};
    ASSERT_EQ(replay(recipe.graph(), disturbance), replay(recipe.graph(), disturbance)) << recipe.seed;
  });
}

TEST(Replay, NeverGainsFromMoreWork) {
  for_each_recipe(false, [](const Recipe& recipe) {
    const TaskGraph graph = recipe.graph();
    const TaskId longer{static_cast<std::uint32_t>(recipe.seed % graph.size())};
    const Timeline before = replay(graph), after = replay(recipe.graph_with_more(longer, 1 + recipe.seed % 3000));
    for (std::size_t t = 0; t < graph.size(); ++t) ASSERT_LE(before.finish[t], after.finish[t]) << recipe.seed;
  });
}

TEST(Replay, HasACriticalPathWithoutGaps) {
  for_each_recipe(true, [](const Recipe& recipe) {
    const TaskGraph graph = recipe.graph();
    const Timeline timeline = replay(graph);
    Tick now = 0;
    for (const TaskId task : critical_path(graph, timeline)) {
      ASSERT_EQ(timeline.start[index(task)], now) << recipe.seed;
      now = timeline.finish[index(task)];
    }
    ASSERT_EQ(now, timeline.makespan);
  });
}

// What finished in time finishes at the same time without the failure, as long as nothing is shared.
TEST(Replay, FailsOnlyWhatComesAfter) {
  for_each_recipe(false, [](const Recipe& recipe) {
    const TaskGraph graph = recipe.graph();
    const Timeline whole = replay(graph);
    const Tick at = whole.makespan / 2;
    const Timeline failed = replay(graph, {.failure = Failure{.streams = {StreamId{0}}, .at = at}});
    for (std::size_t t = 0; t < graph.size(); ++t) {
      ASSERT_TRUE(failed.finish[t] == whole.finish[t] || failed.finish[t] == never) << recipe.seed;
      ASSERT_TRUE(failed.finish[t] == whole.finish[t] || whole.finish[t] > at ||
                  (whole.finish[t] == at && failed.start[t] == never))
          << recipe.seed;
    }
  });
}

// I-13: a ring all-reduce, step by step over links of their own, takes 2 (k - 1) (alpha + N / (k B)). Messages are
// large enough that rounding a step to a picosecond is below 1e-9 of it.
RC_GTEST_PROP(Ring, TakesWhatTheFormulaSays, ()) {
  for (int i = 0; i < test::per_case; ++i) {
    const auto k = any<std::uint32_t>(2, 17);
    const Seconds alpha{1e-6 * any(0, 50)};
    const Bytes message{1e9 * any(2, 32)};
    const BytesPerSecond bandwidth{1e9 * any(1, 100)};
    const Seconds step_time = alpha + message / k / bandwidth;
    const Seconds expected = 2.0 * (k - 1) * step_time;
    RC_ASSERT(std::abs(to_seconds(replay(ring(k, 2 * (k - 1), step_time, bandwidth)).makespan) / expected - 1) < 1e-9);
  }
}

// I-13: two flows on one link, the second some time after the first.
RC_GTEST_PROP(TwoFlows, AreNotFasterThanAloneNorSlowerThanOneAfterTheOther, ()) {
  for (int i = 0; i < test::per_case; ++i) {
    const Tick first = any<Tick>(0, 1'000'000), second = any<Tick>(0, 1'000'000), delay = any<Tick>(0, 1'000'000);
    TaskGraphBuilder builder;
    const CapacityId link = builder.add_capacity(50e9);
    const TaskId a = builder.add_task(first), b = builder.add_task(second), before = builder.add_task(delay);
    for (const TaskId task : {a, b}) builder.demand(task, link, 50e9);
    builder.depend(before, b);
    const Timeline timeline = replay(builder.build());
    RC_ASSERT(timeline.finish[index(a)] >= first);
    RC_ASSERT(timeline.finish[index(b)] - timeline.start[index(b)] >= second);
    const Tick idle = delay > first ? delay - first : 0;
    RC_ASSERT(timeline.makespan <=
              first + idle + second + 2);  // one after the other; half a tick for each change of a rate
  }
}

}  // namespace
}  // namespace forerun
