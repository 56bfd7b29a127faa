// Is what other programs take of the cores seen, and what this one takes not?
#include "runtime/other_load.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace forerun {
namespace {

void spin(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
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
  EXPECT_GT(share * static_cast<double>(std::thread::hardware_concurrency()), 0.3);  // a core, or what of it the scheduler gave
}

TEST(OtherLoad, TakesItsOwnAway) {
  const OtherLoad load;
  spin(std::chrono::milliseconds(300));
  const double beside = load.share();
  EXPECT_GE(beside, 0);
  EXPECT_LE(beside, 1 - 0.2 / static_cast<double>(std::thread::hardware_concurrency()));  // this thread had some of a core
}

}  // namespace
}  // namespace forerun
