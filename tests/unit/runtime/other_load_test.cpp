// Is what other programs take of the cores seen, and what this one takes not?
#include "runtime/machine/other_load.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>

#include "runtime/machine/cores.hpp"

namespace forerun {
namespace {

void spin(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

// Ticks of user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice.
constexpr const char* stat_of_three =
    "cpu  1111 0 0 6000 0 0 0 0 0 0\n"
    "cpu0 1000 0 0 3000 0 0 0 0 0 0\n"
    "cpu1 1 2 4 1000 500 8 16 32 1 2\n"
    "cpu11 100 0 0 2000 0 0 0 0 0 0\n"
    "intr 7 1 1\n";

TEST(CoreTicks, AreOfTheCoresAskedFor) {
  const CoreTicks one = core_ticks(stat_of_three, std::array{1});
  EXPECT_EQ(one, (CoreTicks{.busy = 1 + 2 + 4 + 8 + 16 + 32, .all = one.busy + 1000 + 500}));
  EXPECT_EQ(core_ticks(stat_of_three, std::array{1, 11}), (CoreTicks{.busy = one.busy + 100, .all = one.all + 2100}));
  EXPECT_EQ(core_ticks(stat_of_three, std::array{2}), CoreTicks{});
  EXPECT_EQ(core_ticks("", std::array{0}), CoreTicks{});
}

TEST(OtherLoad, SeesAnotherProcess) {
  if (::access("/proc/stat", R_OK) != 0) GTEST_SKIP() << "no /proc/stat";
  const pid_t child = ::fork();
  if (child == 0) {  // ends by itself where nobody ends it
    spin(std::chrono::seconds(5));
    ::_exit(0);
  }
  ASSERT_GT(child, 0);
  const OtherLoad load;
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const double share = load.share();
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_GT(share * cores_of_this_process(), 0.3);  // a core, or what of it the scheduler gave
}

TEST(OtherLoad, TakesItsOwnAway) {
  const OtherLoad load;
  spin(std::chrono::milliseconds(300));
  const double beside = load.share();
  EXPECT_GE(beside, 0);
  EXPECT_LE(beside, 1 - 0.2 / cores_of_this_process());  // this thread had some of a core
}

}  // namespace
}  // namespace forerun
