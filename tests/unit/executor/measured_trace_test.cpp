// Is a run drawn as its simulation is?
#include "executor/ranks/measured_trace.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <thread>
#include <vector>

#include "executor/rank_executor.hpp"
#include "runtime/communication/rank_threads.hpp"
#include "strategies/plan_runs.hpp"
#include "tests/support/executions.hpp"

namespace forerun {
namespace {

using std::chrono::nanoseconds;

constexpr std::string_view expected_trace = R"json({"displayTimeUnit":"ns","traceEvents":[
{"ph":"M","name":"process_name","pid":3,"tid":0,"ts":0.000000,"args":{"name":"rank 3, stage 1"}},
{"ph":"M","name":"process_sort_index","pid":3,"tid":0,"ts":0.000000,"args":{"sort_index":3}},
{"ph":"M","name":"thread_name","pid":3,"tid":1,"ts":0.000000,"args":{"name":"compute"}},
{"ph":"M","name":"thread_sort_index","pid":3,"tid":1,"ts":0.000000,"args":{"sort_index":0}},
{"ph":"M","name":"thread_name","pid":3,"tid":4,"ts":0.000000,"args":{"name":"tp, computation waits"}},
{"ph":"M","name":"thread_sort_index","pid":3,"tid":4,"ts":0.000000,"args":{"sort_index":3}},
{"ph":"X","name":"up, forward","cat":"compute","pid":3,"tid":1,"ts":1.000000,"dur":2.500000},
{"ph":"X","name":"tp all_reduce","cat":"waited for","pid":3,"tid":4,"ts":3.500000,"dur":0.500000},
{"ph":"C","name":"memory (bytes)","pid":3,"tid":0,"ts":0.000000,"args":{"held":100,"alive":0}},
{"ph":"C","name":"memory (bytes)","pid":3,"tid":0,"ts":1.000000,"args":{"held":100,"alive":8}},
{"ph":"C","name":"memory (bytes)","pid":3,"tid":0,"ts":3.500000,"args":{"held":100,"alive":4}}
]}
)json";

TEST(MeasuredTrace, HasTheSimulatorsTracksAndCounters) {
  const std::vector<Interval> intervals{
      {"up, forward", "compute", track_of(Lane::compute), nanoseconds(1'000), nanoseconds(3'500)},
      {"tp all_reduce", "waited for", track_of(Lane::tp, true), nanoseconds(3'500), nanoseconds(4'000)}};
  const std::vector<Allocator::Change> memory{{1'000, 8, 0, 0}, {3'500, 4, 0, 1}, {3'500, -8, 0, 0}};
  const std::vector<RankRun> runs{
      {.rank = 3, .name = "rank 3, stage 1", .intervals = intervals, .memory = memory, .held = 100}};
  std::ostringstream out;
  write_measured_trace(runs, out);
  EXPECT_EQ(out.str(), expected_trace);
}

// The second stages begin late, when the message of the first ones is there: on one axis, none has it before it is
// sent.
TEST(RecordedRun, HasOneOriginForAllRanksAndForMemory) {
  const Plan plan{.pp = 2, .dp = 2};
  const Result<PricedScenario> scenario =
      price(test::on_this_machine(test::small_model(), gpus(plan), test::small_job()));
  ASSERT_TRUE(scenario);
  const Program program = lower(*scenario, plan);
  std::vector<RankReport> ranks(4);
  run_ranks(4, [&](Communicator& world) {
    const RankMachine machine = on_the_cpu(world);
    RankExecutor rank(*scenario, program, {world, world, *machine.backend}, {.steps = 1, .record = true});
    if (world.rank() >= 2) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    rank.step();
    ranks[static_cast<std::size_t>(world.rank())] = rank.report();
  });
  for (const RankReport& rank : ranks) {
    ASSERT_FALSE(rank.intervals.empty() || rank.memory.empty());
    EXPECT_TRUE(std::ranges::is_sorted(rank.intervals, {}, &Interval::begin));
    EXPECT_LE(rank.memory.front().position,
              static_cast<std::uint64_t>(rank.intervals.front().begin.count()));  // memory is there before what uses it
  }
  for (const std::size_t first : {0U, 1U}) {
    const auto pass = [&](const RankReport& rank) {
      return *std::ranges::find(rank.intervals, track_of(Lane::pp_forward, true), &Interval::lane);
    };
    EXPECT_LT(pass(ranks[first]).begin, pass(ranks[first + 2]).end);
  }
}

TEST(MeasuredTrace, ThatCannotBeWrittenLeavesNothing) {
  const Problems problems = save_measured_trace({}, "/no/such/folder/trace.json");
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].message, "the trace cannot be written");
  // A disk without room.
  if (std::filesystem::exists("/dev/full")) {
    const std::string path = testing::TempDir() + "full.json";
    std::filesystem::remove(path + ".tmp");
    std::filesystem::create_symlink("/dev/full", path + ".tmp");
    EXPECT_EQ(save_measured_trace({}, path).size(), 1u);
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_FALSE(std::filesystem::is_symlink(path + ".tmp"));
  }
}

}  // namespace
}  // namespace forerun
