// Do ranks that are threads do what every communicator must, and does a failure end them all?
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <tuple>
#include <vector>

#include "runtime/communication/rank_threads.hpp"
#include "tests/support/communicator_conformance.hpp"

namespace forerun {
namespace {

using std::span;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

struct Conformance : testing::TestWithParam<std::tuple<test::CommunicatorCase, int>> {};

TEST_P(Conformance, Holds) {
  const test::CommunicatorCase& what = std::get<0>(GetParam());
  run_ranks(std::get<1>(GetParam()), [&](Communicator& c) { test::run_on_host(what, c); });
}

std::string name_of(const testing::TestParamInfo<Conformance::ParamType>& given) {
  return std::string(std::get<0>(given.param).name) + "On" + std::to_string(std::get<1>(given.param));
}

INSTANTIATE_TEST_SUITE_P(Threads, Conformance,
                         testing::Combine(testing::ValuesIn(test::communicator_cases()),
                                          testing::Values(1, 2, 3, 4, 5, 8)),
                         name_of);

// What run_ranks throws: its rank, and what it says.
std::pair<int, std::string> failure_of(int ranks, const std::function<void(Communicator&)>& work) {
  try {
    run_ranks(ranks, work);
  } catch (const RankFailure& failure) {
    return {failure.rank, failure.what()};
  }
  return {-1, "nothing failed"};
}

void sum(Communicator& c) {
  std::vector<float> x(12);
  c.all_reduce(span(x), Reduction::sum);
}

TEST(RankThreads, ThatThrowWakeAndEndTheOthers) {
  std::atomic<int> woken = 0;
  const auto [rank, what] = failure_of(4, [&](Communicator& c) {
    if (c.rank() == 2) throw std::runtime_error("layer 3, forward: no");
    try {
      sum(c);
    } catch (const CommunicationError& error) {
      EXPECT_EQ(error.rank, c.rank());
      EXPECT_EQ(error.operation, "all_reduce of 12 fp32 among 4");
      ++woken;
      throw;
    }
  });
  EXPECT_EQ(rank, 2);
  EXPECT_EQ(what, "rank 2: layer 3, forward: no");
  EXPECT_EQ(woken, 3);
}

TEST(RankThreads, FailInGroupsWithTheRanksOfTheRun) {
  const auto [rank, what] = failure_of(4, [](Communicator& c) {
    const int members[]{1, 3};
    const auto group = c.group(members);
    if (c.rank() == 3) throw std::runtime_error("gone");
    if (group) sum(*group);
  });
  EXPECT_EQ(rank, 3);
  EXPECT_EQ(what, "rank 3: gone");
}

TEST(RankThreads, DoNotWaitForARankThatHasEnded) {
  const auto [rank, what] = failure_of(2, [](Communicator& c) {
    if (c.rank() == 1) sum(c);
  });
  EXPECT_EQ(rank, 1);
  EXPECT_THAT(what, AllOf(StartsWith("rank 1, all_reduce of 12 fp32 among 2: "), HasSubstr("rank 0 has ended")));
}

// With stacks of 1 GiB each, and room for one.
int run_where_one_thread_fits() {
  std::int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const auto room = static_cast<rlim_t>(pages * ::sysconf(_SC_PAGESIZE)) + (3ULL << 29);
  const rlimit limit{room, room};
  pthread_attr_t stacks;
  ::pthread_attr_init(&stacks);
  ::pthread_attr_setstacksize(&stacks, 1ULL << 30);
  if (pages == 0 || ::setrlimit(RLIMIT_AS, &limit) != 0 || ::pthread_setattr_default_np(&stacks) != 0) return 2;
  const auto [rank, what] = failure_of(3, [](Communicator& c) { c.barrier(); });
  return rank == 1 && what.starts_with("rank 1: its thread cannot be started: ") ? 0 : 1;
}

TEST(RankThreads, ThatCannotBeStartedEndTheOthers) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(std::_Exit(run_where_one_thread_fits()), testing::ExitedWithCode(0), "");
}

TEST(RankThreads, StillReceiveWhatARankSentBeforeItEnded) {
  run_ranks(2, [](Communicator& c) {
    std::vector<float> x{1};
    if (c.rank() == 0) return c.send(1, span(x));
    for (int i = 0; i < 100; ++i) std::this_thread::yield();
    c.receive(0, span(x));
  });
}

TEST(RankThreads, NoticeThatAllOfThemWait) {
  const auto [rank, what] = failure_of(3, [](Communicator& c) {
    std::vector<float> x(1);
    c.receive((c.rank() + 1) % 3, span(x));
  });
  EXPECT_THAT(what, HasSubstr("receive of 1 fp32 among 3: all ranks wait; rank " + std::to_string(rank) + " for rank"));
}

TEST(RankThreads, NameAMessageOfAnotherSize) {
  const auto [rank, what] = failure_of(2, [](Communicator& c) {
    std::vector<float> x(static_cast<std::size_t>(c.rank()) + 1);
    if (c.rank() == 0) return c.send(1, span(x));
    c.receive(0, span(x));
  });
  EXPECT_EQ(rank, 1);
  EXPECT_EQ(what, "rank 1, receive of 2 fp32 among 2: rank 0 sent 4 B where 8 B were waited for");
}

}  // namespace
}  // namespace forerun
