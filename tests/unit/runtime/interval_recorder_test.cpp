// Does the recorder keep what was done, when, and inside what?
#include "runtime/interval_recorder.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace forerun {
namespace {

using namespace std::chrono_literals;

TEST(IntervalRecorder, KeepsBeginAndEndOfWhatWasDone) {
  IntervalRecorder recorder;
  {
    const auto outer = recorder.run(0, "up, forward", "compute");
    std::this_thread::sleep_for(2ms);
    const auto inner = recorder.run(1, "tp all_reduce", "waited for");
    std::this_thread::sleep_for(1ms);
  }
  ASSERT_EQ(recorder.intervals().size(), 2u);
  const Interval &outer = recorder.intervals()[0], &inner = recorder.intervals()[1];
  EXPECT_EQ(outer.name, "up, forward");
  EXPECT_EQ(inner.category, "waited for");
  EXPECT_EQ(inner.lane, 1);
  EXPECT_GE(outer.begin, 0ns);
  EXPECT_GE(outer.duration(), 3ms);
  EXPECT_GE(inner.duration(), 1ms);
  EXPECT_GE(inner.begin, outer.begin + 2ms);
  EXPECT_LE(inner.end, outer.end);
}

TEST(IntervalRecorder, SharesItsClockWithOthersOfTheSameOrigin) {
  const Clock::time_point origin = Clock::now();
  IntervalRecorder first(origin), second(origin, 8);
  {
    const auto running = first.run(0, "a", "compute");
  }
  {
    const auto running = second.run(0, "b", "compute");
  }
  EXPECT_LE(first.intervals()[0].end, second.intervals()[0].begin);
  first.forget();
  EXPECT_TRUE(first.intervals().empty());
}

}  // namespace
}  // namespace forerun
