// Does `simulate` answer as a person and as a program expect, and is its trace one that a viewer can open?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"

namespace forerun {
namespace {

using nlohmann::json;
using testing::ContainsRegex;
using testing::HasSubstr;

const std::string nemo = "simulate examples/llama3-70b-nemo.yaml";
const std::string replicas = "simulate examples/course/dp.yaml";  // eight replicas, nothing hides their all-reduce

json parsed(const std::string& command, int code = 0) {
  const Answer answer = forerun_says(command + " --json");
  EXPECT_EQ(answer.code, code) << answer.err;
  return json::parse(answer.out);
}

// An interleaved pipeline of four stages with tensor and data parallelism.
void write_plan(const std::filesystem::path& path) {
  std::ofstream(path)
      << "model: llama3-8b\ncluster: {use: dgx-h100, gpus: 16}\nstack: megatron-core\n"
         "job: {kind: pretrain, sequence: 4096, global_batch: 16, dtype: bf16, optimizer: adamw}\n"
         "plan: {tp: 2, sp: true, pp: 4, virtual_stages: 2, schedule: interleaved, dp: 2, zero: 1, micro_batch: 1}\n";
}

double sum(const json& times) {
  double total = 0;
  for (const auto& [name, time] : times.items())
    total += time.is_object() ? (name == "hidden_s" ? 0 : sum(time)) : time.get<double>();
  return total;
}

// --- answers -----------------------------------------------------------------------------------------------------

TEST(Simulate, AnswersInJson) {
  const json answer = parsed(nemo);
  const double step = answer.at("step_time_s");
  EXPECT_EQ(answer.at("complete"), true);
  EXPECT_NEAR(answer.at("tokens_per_s").get<double>() * step, 128.0 * 8192, 1);
  EXPECT_NEAR(answer.at("closed_form").at("difference").get<double>(),
              step / answer.at("closed_form").at("step_time_s").get<double>() - 1, 1e-12);
  EXPECT_NEAR(sum(answer.at("critical_path")), step, 1e-9);  // whole picoseconds, and each is a sum of them
  EXPECT_TRUE(answer.at("blocked").empty());
  std::set<int> ranks;
  for (const json& role : answer.at("roles")) {
    EXPECT_NEAR(sum(role.at("breakdown")), step, 1e-9);
    double alive = 0;
    for (const json& tensor : role.at("memory").at("alive")) alive += tensor.at("bytes").get<double>();
    const json& peak = role.at("memory").at("peak");
    const double comes_and_goes =
        peak.at("activations").get<double>() + peak.at("gathered").get<double>() + peak.at("transient").get<double>();
    EXPECT_GE(alive, comes_and_goes);
    EXPECT_LE(alive, comes_and_goes + peak.at("communication").get<double>());
    for (const int rank : role.at("ranks")) EXPECT_TRUE(ranks.insert(rank).second);
  }
  EXPECT_EQ(ranks.size(), 64);
}

TEST(Simulate, OfEveryRankIsTheSameStep) {
  const Scratch scratch;
  write_plan(scratch.path() / "plan.yaml");
  const std::string command = "simulate " + (scratch.path() / "plan.yaml").string();
  const json folded = parsed(command), every = parsed(command + " --every-rank");
  EXPECT_EQ(every.at("roles").size(), 16);
  EXPECT_LT(folded.at("roles").size(), 16);
  EXPECT_EQ(every.at("step_time_s"), folded.at("step_time_s"));
}

TEST(Simulate, DrawsAPipelineARowAStage) {
  const Answer answer = forerun_says(nemo);
  EXPECT_EQ(answer.code, 0);
  EXPECT_THAT(answer.err, testing::Not(HasSubstr("\r")));  // of a busy machine's progress full lines may show
  for (const char* stage : {"stage 0", "stage 1", "stage 2", "stage 3"})
    EXPECT_THAT(answer.out, ContainsRegex("\n" + std::string(stage) + " +[0-9a-j.+]+\n"));
  EXPECT_THAT(answer.out, testing::Not(HasSubstr("\033")));  // colours only on a terminal
}

// Nothing hides the all-reduce of the replicas, so a step is the slowest rank's computation and what follows. The
// update comes after the all-reduce on each rank: it is slow as well.
TEST(AStraggler, SlowsTheStepByItsComputation) {
  const json plain = parsed(replicas), slow = parsed(replicas + " --straggler 3=1.3");
  const json& times = plain.at("roles").at(0).at("breakdown");
  EXPECT_EQ(times.at("hidden_s").at("dp"), 0);
  const double computation = times.at("compute_s").get<double>() + times.at("recompute_s").get<double>() +
                             times.at("optimizer_s").get<double>();
  EXPECT_GT(computation, 0);
  EXPECT_NEAR(slow.at("step_time_s").get<double>(), plain.at("step_time_s").get<double>() + 0.3 * computation,
              1e-7);  // each task is rounded to 1 ps
  EXPECT_NEAR(slow.at("critical_path").at("compute_s").get<double>(),
              1.3 * plain.at("critical_path").at("compute_s").get<double>(), 1e-7);
}

TEST(Jitter, SimulatesEveryRankAndDependsOnItsSeed) {
  const json first = parsed(replicas + " --jitter 0.05 --seed 7"),
             second = parsed(replicas + " --jitter 0.05 --seed 7"),
             other = parsed(replicas + " --jitter 0.05 --seed 8");
  EXPECT_EQ(first.at("roles").size(), 8);
  EXPECT_EQ(first, second);
  EXPECT_NE(first.at("step_time_s"), other.at("step_time_s"));
  EXPECT_NE(first.at("step_time_s"), parsed(replicas).at("step_time_s"));
}

TEST(AFailure, NamesWhoIsBlockedWhere) {
  const json answer = parsed(replicas + " --fail 3@1s");
  EXPECT_EQ(answer.at("complete"), false);
  EXPECT_TRUE(answer.at("step_time_s").is_null());
  std::set<int> ranks;  // all of them: the others wait for its gradients
  for (const json& role : answer.at("blocked")) {
    EXPECT_NE(role.at("at"), "");
    for (const int rank : role.at("ranks")) ranks.insert(rank);
  }
  EXPECT_EQ(ranks.size(), 8);
  const Answer text = forerun_says(replicas + " --fail 3@1s");
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.out, HasSubstr("never ends"));
  EXPECT_THAT(text.out, HasSubstr("rank 3: "));
}

TEST(Simulate, OfAPlanThatDoesNotFitIsAnAnswerWithExitCode3) {
  const Scratch scratch;
  std::ofstream(scratch.path() / "plan.yaml") << "model: llama3-70b\ncluster: {use: dgx-h100, gpus: 8}\n"
                                                 "job: {kind: pretrain, sequence: 8192, global_batch: 8, dtype: bf16}\n"
                                                 "plan: {tp: 8, zero: 0, micro_batch: 1}\n";
  const Answer answer = forerun_says("simulate plan.yaml", scratch.path()),
               estimate = forerun_says("estimate plan.yaml", scratch.path());
  EXPECT_EQ(answer.code, 3);
  EXPECT_THAT(answer.out, HasSubstr("step "));
  EXPECT_EQ(answer.err, estimate.err);  // the same advice
}

// --- traces ------------------------------------------------------------------------------------------------------

class Trace : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    write_plan(scratch_.path() / "plan.yaml");
    const Answer answer =
        forerun_says(std::string("simulate plan.yaml --trace trace.json ") + GetParam(), scratch_.path());
    ASSERT_EQ(answer.code, 0) << answer.err;
    events_ = json::parse(read_text(scratch_.path() / "trace.json")).at("traceEvents");
  }
  Scratch scratch_;
  json events_;
};

using Track = std::pair<int, int>;
Track track_of(const json& event) { return {event.at("pid"), event.at("tid")}; }

TEST_P(Trace, HasNamedTracksWhoseSlicesDoNotOverlap) {
  std::set<int> processes;
  std::set<Track> named;
  std::map<Track, std::vector<std::pair<double, double>>> slices;
  for (const json& event : events_) {
    const bool is_process = event.at("name") == "process_name", is_track = event.at("name") == "thread_name";
    EXPECT_TRUE(!is_process || processes.insert(event.at("pid").get<int>()).second);
    EXPECT_TRUE(!is_track || named.insert(track_of(event)).second);
    if (event.at("ph") != "X") continue;
    EXPECT_NE(event.at("name"), "");
    EXPECT_GE(event.at("ts"), 0.0);
    EXPECT_GT(event.at("dur"), 0.0);
    slices[track_of(event)].emplace_back(event.at("ts"), event.at("dur"));
  }
  ASSERT_FALSE(slices.empty());
  for (auto& [track, all] : slices) {
    EXPECT_TRUE(named.contains(track) && processes.contains(track.first));
    std::sort(all.begin(), all.end());
    for (std::size_t i = 1; i < all.size(); ++i)
      EXPECT_GE(all[i].first, all[i - 1].first + all[i - 1].second - 1e-6);  // a picosecond
  }
  EXPECT_EQ(named.size(), slices.size());  // only tracks that are used
}

// Each arrow leaves a slice that is there, before it arrives at the start of another.
TEST_P(Trace, HasArrowsThatGoForwardInTime) {
  std::map<std::uint64_t, json> from;
  std::map<Track, std::vector<std::pair<double, double>>> slices;
  std::size_t arrows = 0;
  for (const json& event : events_) {
    if (event.at("ph") == "X") slices[track_of(event)].emplace_back(event.at("ts"), event.at("dur"));
  }
  const auto holds = [&](const json& end) {
    const double at = end.at("ts");
    const auto& all = slices[track_of(end)];
    return std::any_of(all.begin(), all.end(),
                       [&](const auto& slice) { return slice.first - 1e-9 <= at && at < slice.first + slice.second; });
  };
  for (const json& event : events_) {
    EXPECT_TRUE(event.at("ph") != "s" || from.emplace(event.at("id"), event).second) << "two arrows of one id";
    if (event.at("ph") != "f") continue;
    ++arrows;
    const auto start = from.find(event.at("id"));
    ASSERT_NE(start, from.end()) << "an arrow arrives that never left";
    EXPECT_LT(start->second.at("ts"), event.at("ts"));
    EXPECT_NE(start->second.at("pid"), event.at("pid"));
    EXPECT_TRUE(holds(start->second) && holds(event));
  }
  EXPECT_EQ(arrows, from.size());
  // 8 micro-batches cross the 7 boundaries between 8 chunks forward and backward, in each pipeline that is drawn: one,
  // or with every rank tp x dp.
  const std::size_t pipelines = std::string(GetParam()).empty() ? 1 : 4;
  EXPECT_EQ(arrows, pipelines * 8 * 7 * 2);
}

TEST_P(Trace, CountsMemoryInTimeAndEndsWithoutAny) {
  std::map<int, double> last_time, alive;
  for (const json& event : events_) {
    if (event.at("ph") != "C" || event.at("name") != "memory (bytes)") continue;
    const int process = event.at("pid");
    EXPECT_GE(event.at("ts"), last_time[process]);
    last_time[process] = event.at("ts");
    alive[process] = event.at("args").at("alive");
    EXPECT_GE(alive[process], 0);
  }
  ASSERT_FALSE(alive.empty());
  for (const auto& [process, bytes] : alive) EXPECT_EQ(bytes, 0) << process;
}

INSTANTIATE_TEST_SUITE_P(Of, Trace, testing::Values("", "--every-rank", "--jitter 0.1 --seed 3"), [](const auto& one) {
  return one.index == 0 ? "Roles" : one.index == 1 ? "EveryRank" : "Noise";
});

TEST(ATrace, IsTheSameBytesTwiceAndLeavesNothingElse) {
  const Scratch scratch;
  write_plan(scratch.path() / "plan.yaml");
  for (const char* name : {"a.json", "b.json"}) {
    ASSERT_EQ(
        forerun_says("simulate plan.yaml --jitter 0.1 --seed 5 --trace " + std::string(name), scratch.path()).code, 0);
  }
  EXPECT_EQ(read_text(scratch.path() / "a.json"), read_text(scratch.path() / "b.json"));
  EXPECT_EQ(files_in(scratch.path()).size(), 3);
}

// The file system says no after a few blocks, as a full disk does.
TEST(ATrace, ThatDoesNotFitOnTheDiskLeavesNothing) {
  const Scratch scratch;
  write_plan(scratch.path() / "plan.yaml");
  const std::string command = "cd '" + scratch.path().string() +
                              "' && trap '' XFSZ && ulimit -f 64 && '" FORERUN_BINARY
                              "' simulate plan.yaml --trace trace.json >out 2>err";
  const int status = std::system(command.c_str());
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 2);
  EXPECT_THAT(read_text(scratch.path() / "err"), HasSubstr("trace.json: error: the trace cannot be written"));
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "trace.json"));
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "trace.json.tmp"));
}

}  // namespace
}  // namespace forerun
