// Do seconds become picoseconds once, to the nearest?
#include "sim/tick.hpp"

#include <gtest/gtest.h>

namespace forerun {
namespace {

TEST(Tick, IsAPicosecond) {
  EXPECT_EQ(to_ticks(Seconds{1}), 1'000'000'000'000u);
  EXPECT_EQ(to_ticks(Seconds{2.4e-12}), 2u);
  EXPECT_EQ(to_ticks(Seconds{2.6e-12}), 3u);
  EXPECT_EQ(to_ticks(Seconds{0}), 0u);
}

TEST(Tick, BecomesSecondsAgain) {
  for (const Tick ticks : {Tick{1}, Tick{123'456'789'012}, Tick{1} << 52})
    EXPECT_EQ(to_ticks(to_seconds(ticks)), ticks);
}

}  // namespace
}  // namespace forerun
