// Do transfers arrive when one computes that they do?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/fluid_transfer.hpp"

namespace forerun {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Tick second = 1'000'000'000'000;
constexpr CapacityId first{0}, next{1};

TEST(FinishTimes, AreSizeOverRateForOne) {
  EXPECT_THAT(finish_times(std::vector{4.0}, std::vector<Transfer>{{.size = 10, .path = {{first, 1}}}}),
              ElementsAre(5 * second / 2));
}

// 2 and 6 over a link of 2: 1 a second each until 2 s, when the first is there; the other then has 4 left at 2 a
// second.
TEST(FinishTimes, AreEarlierOnceAnotherHasArrived) {
  const std::vector<Transfer> two{{.size = 2, .path = {{first, 1}}}, {.size = 6, .path = {{first, 1}}}};
  EXPECT_THAT(finish_times(std::vector{2.0}, two), ElementsAre(2 * second, 4 * second));
}

// The second comes at 1 s, when 2 of 4 are left; they share 2 a second: both are there at 3 s.
TEST(FinishTimes, AreLaterWhenAnotherComes) {
  const std::vector<Transfer> two{{.size = 4, .path = {{first, 1}}},
                                  {.size = 2, .path = {{first, 1}}, .start = second}};
  EXPECT_THAT(finish_times(std::vector{2.0}, two), ElementsAre(3 * second, 3 * second));
}

// At a cap of 1 the first leaves 3 for the other, on a link of 4, and takes 6 s; the other has 12.
TEST(FinishTimes, KeepToCaps) {
  const std::vector<Transfer> two{{.size = 6, .path = {{first, 1}}, .cap = 1}, {.size = 12, .path = {{first, 1}}}};
  EXPECT_THAT(finish_times(std::vector{4.0}, two), ElementsAre(6 * second, 4 * second));
}

// Across both links: 1 a second beside the second on the first link (2), which leaves 3 on the next one (4). At 1 s the
// third (3) is there; at 2 s the first two (2 each).
TEST(FinishTimes, FollowTheNarrowestLink) {
  const std::vector<Transfer> three{{.size = 2, .path = {{first, 1}, {next, 1}}},
                                    {.size = 2, .path = {{first, 1}}},
                                    {.size = 3, .path = {{next, 1}}}};
  EXPECT_THAT(finish_times(std::vector{2.0, 4.0}, three), ElementsAre(2 * second, 2 * second, second));
}

TEST(FinishTimes, OfNothingAreNone) { EXPECT_THAT(finish_times(std::vector{1.0}, {}), IsEmpty()); }

// A rate that is a third of a link lasts to the nearest picosecond: 1 / (1 / 3) s, three at a time.
TEST(FinishTimes, AreWholePicoseconds) {
  const std::vector<Transfer> three(3, {.size = 1, .path = {{first, 1}}});
  EXPECT_THAT(finish_times(std::vector{1.0}, three), ElementsAre(3 * second, 3 * second, 3 * second));
}

}  // namespace
}  // namespace forerun
