// Is a run drawn as its simulation is?
#include "executor/measured_trace.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string_view>
#include <vector>

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
