// Does `execute` train what one rank trains, keep what was promised, and end with a message when it cannot?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "tests/cli/program.hpp"

namespace forerun {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::vector<std::string> examples() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(FORERUN_ROOT "/examples/execute")) {
    if (file.path().extension() == ".yaml") names.push_back(file.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The plan of an example with a quarter of its tokens, at least 64 a sequence: what is asked here depends on what is
// cut and sent, not on how much of it there is.
std::string smaller(const std::string& name, const Scratch& scratch) {
  const std::string parts = FORERUN_ROOT "/examples/execute/parts/";
  std::string text =
      std::regex_replace(read_text(root / "examples/execute" / (name + ".yaml")), std::regex("parts/"), parts);
  std::smatch sequence;
  if (std::regex_search(text, sequence, std::regex("sequence: (\\d+)")))
    text.replace(static_cast<std::size_t>(sequence.position(1)), static_cast<std::size_t>(sequence.length(1)),
                 std::to_string(std::max(64, std::stoi(sequence[1]) / 4)));
  const std::string path = scratch.path() / (name + ".yaml");
  std::ofstream(path) << text;
  return path;
}

class Examples : public testing::TestWithParam<std::string> {};

TEST_P(Examples, TrainWhatOneRankTrainsAndKeepTheirPromises) {
  const Scratch scratch;
  const Answer answer =
      forerun_says("execute " + smaller(GetParam(), scratch) + " --steps 2 --routing balanced --json");
  ASSERT_EQ(answer.code, 0) << answer.err;
  const json run = json::parse(answer.out);
  EXPECT_EQ(run.at("agrees"), GetParam() == "one" ? json(nullptr) : json(true));  // one rank is the reference itself
  EXPECT_EQ(run.at("losses").size(), 2U);
  for (const json& row : run.at("bytes")) EXPECT_EQ(row.at("predicted"), row.at("measured")) << row;
  for (const json& row : run.at("memory")) {
    const double predicted = row.at("predicted"), measured = row.at("measured");
    EXPECT_NEAR(measured, predicted, 0.01 * predicted) << row;
  }
}

INSTANTIATE_TEST_SUITE_P(Execute, Examples, testing::ValuesIn(examples()),
                         [](const testing::TestParamInfo<std::string>& one) {
                           std::string name = one.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Execute, PrintsLossTimeMemoryAndBytes) {
  const Answer answer = forerun_says("execute examples/execute/sp.yaml --steps 2");
  EXPECT_EQ(answer.code, 0) << answer.err;
  for (const char* text :
       {"on one rank", "computation", "tp communication", "activations", "workspace", "tp reduce_scatter"})
    EXPECT_THAT(answer.out, HasSubstr(text));
}

TEST(Execute, OfSeveralPlansIsARowEach) {
  const Answer answer =
      forerun_says("execute examples/execute/two-blocks.yaml examples/execute/sp.yaml --runs 2 --json");
  ASSERT_EQ(answer.code, 0) << answer.err;
  const json both = json::parse(answer.out);
  for (const json& row : both.at("plans")) EXPECT_GE(row.at("others").get<double>(), 0);
  ASSERT_EQ(both.at("plans").size(), 2U);
  EXPECT_EQ(both.at("plans")[0].at("name"), "two-blocks");
  EXPECT_EQ(both.at("plans")[1].at("ranks"), 2);
  EXPECT_EQ(both.at("kendall_tau"), 1);  // the first is far smaller
  const Answer refused = forerun_says(
      "execute examples/execute/two-blocks.yaml examples/execute/tp.yaml --trace x.json --communicator mpi");
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("a trace is of one run of one plan"));
}

TEST(Execute, ByProcessesHasTheLossesOfThreads) {
  const Scratch scratch;
  const std::string dp = "execute " + smaller("dp", scratch) + " --steps 2 --json";
  const Answer threads = forerun_says(dp), processes = forerun_says(dp + " --communicator mpi");
  if (processes.code == 2 && processes.err.find("found no MPI") != std::string::npos)
    GTEST_SKIP() << "this build found no MPI";
  ASSERT_EQ(processes.code, 0) << processes.err;
  EXPECT_EQ(json::parse(threads.out).at("losses"), json::parse(processes.out).at("losses"));
}

TEST(Execute, RefusesWhatItCannotRunAllAtOnce) {
  const Answer answer = forerun_says("execute examples/llama3-70b-nemo.yaml --communicator nccl --trace x.json");
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.err, HasSubstr("NCCL connects GPUs"));
  EXPECT_THAT(answer.err, HasSubstr("a trace of processes would show rank 0 alone"));
  EXPECT_THAT(answer.err, HasSubstr("'forerun', not nemo"));
}

// On a GPU, what the CPU trains; elsewhere, why not.
TEST(Execute, OnAGpuOrSaysWhatIsMissing) {
  const Answer answer = forerun_says("execute examples/execute/tp-pp.yaml --backend cuda --steps 2 --json");
  if (answer.code == 2) {
    EXPECT_THAT(answer.err, testing::AnyOf(HasSubstr("no GPU can be used"), HasSubstr("built without CUDA")));
    GTEST_SKIP() << answer.err;
  }
  ASSERT_EQ(answer.code, 0) << answer.err;
  const json gpu = json::parse(answer.out),
             cpu =
                 json::parse(forerun_says("execute examples/execute/tp-pp.yaml --steps 2 --skip-reference --json").out);
  EXPECT_NEAR(gpu.at("losses")[0].get<double>(), cpu.at("losses")[0].get<double>(), 1e-4);
  for (const json& row : gpu.at("bytes")) EXPECT_EQ(row.at("predicted"), row.at("measured")) << row;
}

// The processes that mpirun started: one is killed, and the rest end with it.
TEST(Execute, EndsWhenAProcessIsKilled) {
  const Scratch scratch;
  if (forerun_says("execute " + smaller("dp", scratch) + " --steps 1 --communicator mpi --skip-reference").code == 2)
    GTEST_SKIP() << "this build found no MPI";
  const std::string script =
      std::string("cd " FORERUN_ROOT "; ") + FORERUN_BINARY +
      " execute examples/execute/dp.yaml --steps 100000 --communicator mpi --skip-reference > /dev/null 2> \"$OUT\" & "
      "run=$!; sleep 3; kill -9 $(pgrep -P $run | tail -1); "
      "timeout 10 tail --pid=$run -f /dev/null; ended=$?; kill -9 $run 2> /dev/null; exit $ended";
  const std::filesystem::path out = std::filesystem::temp_directory_path() / "forerun-killed.txt";
  ::setenv("OUT", out.c_str(), 1);
  EXPECT_EQ(std::system(("bash -c '" + script + "'").c_str()), 0) << "it did not end within 10 s";
  std::ifstream file(out);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_THAT(text, HasSubstr("signal 9"));
  EXPECT_THAT(text, HasSubstr("process rank"));
}

// docs/executor.md shows pieces of what --program prints.
TEST(ExecutorPage, ShowsTheProgramThatIsPrinted) {
  const Answer answer = forerun_says("simulate examples/execute/two-blocks.yaml --program");
  ASSERT_EQ(answer.code, 0) << answer.err;
  std::ifstream page(FORERUN_ROOT "/docs/executor.md");
  bool inside = false;
  int shown = 0;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("```")) {
      inside = line == "```program";
      continue;
    }
    if (!inside) continue;
    ++shown;
    EXPECT_THAT(answer.out, HasSubstr(line + "\n"));
  }
  EXPECT_GT(shown, 30);
}

TEST(Execute, RefusesWhatThisMachineCannotHold) {
  const Scratch scratch;
  const std::string plan = scratch.path() / "plan.yaml";
  std::ofstream(plan)
      << "model: llama3-405b\ncluster: {use: " FORERUN_ROOT
         "/examples/execute/parts/cores.yaml, gpus: 2}\nstack: forerun\n"
         "job: {kind: pretrain, sequence: 64, global_batch: 2, dtype: fp32}\nplan: {dp: 2, zero: 0, micro_batch: 1}\n";
  const Answer answer = forerun_says("execute " + plan);
  EXPECT_EQ(answer.code, 3);
  EXPECT_THAT(answer.err, HasSubstr("GiB together, and this machine has"));
  EXPECT_THAT(answer.err, HasSubstr("optimizer states at stage 0 bind"));
}

// By processes, too; and of several plans all that do not fit are named before any runs.
TEST(Execute, RefusesEveryPlanThatDoesNotFitBeforeItRunsOne) {
  const Scratch scratch;
  const std::string big = "model: llama3-405b\ncluster: {use: " FORERUN_ROOT
                          "/examples/execute/parts/cores.yaml, gpus: 2}\nstack: forerun\n"
                          "job: {kind: pretrain, sequence: 64, global_batch: 2, dtype: fp32}\n";
  std::ofstream(scratch.path() / "a.yaml") << big << "plan: {dp: 2, zero: 0, micro_batch: 1}\n";
  std::ofstream(scratch.path() / "b.yaml") << big << "plan: {dp: 2, zero: 1, micro_batch: 1}\n";
  const Answer answer = forerun_says("execute a.yaml b.yaml", scratch.path()),
               processes = forerun_says("execute a.yaml --communicator mpi", scratch.path());
  EXPECT_EQ(answer.code, 3);
  EXPECT_THAT(answer.err, testing::AllOf(HasSubstr("a: the ranks need"), HasSubstr("b: the ranks need")));
  if (processes.code == 2) GTEST_SKIP() << "this build found no MPI";
  EXPECT_EQ(processes.code, 3) << processes.err;
}

// What a plan's ranks can do, its model on one rank may not: 128 rows divide over 2 experts, not over 6.
TEST(Execute, RefusesAReferenceThatCannotRun) {
  const Scratch scratch;
  std::ofstream(scratch.path() / "six.yaml")
      << "name: six\nhidden: 64\nvocab: 256\ntied_embeddings: false\npositions: rotary\nmax_positions: 64\nnorm: "
         "rms\nblocks:\n  - repeat: 2\n    block:\n"
         "      attention: {heads: 4, kv_heads: 4, head_dim: 16}\n      moe: {experts: 6, top_k: 2, width: 64, gated: "
         "true}\n";
  std::ofstream(scratch.path() / "plan.yaml")
      << "model: six.yaml\ncluster: {use: " FORERUN_ROOT
         "/examples/execute/parts/cores.yaml, gpus: 3}\nstack: forerun\n"
         "job: {kind: pretrain, sequence: 64, global_batch: 3, dtype: fp32}\nplan: {dp: 3, ep: 3, micro_batch: 1}\n";
  const Answer refused = forerun_says("execute plan.yaml --steps 1", scratch.path());
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err,
              testing::AllOf(HasSubstr("one rank, for the losses: 128 rows do not divide over a rank's 6 experts"),
                             HasSubstr("--skip-reference")));
  EXPECT_EQ(forerun_says("execute plan.yaml --steps 1 --skip-reference", scratch.path()).code, 0);
}

TEST(Execute, SaysTheProblemsOfFlagsOnceForAllPlans) {
  const std::string err =
      forerun_says("execute examples/execute/dp.yaml examples/execute/tp.yaml --calibration none.yaml").err;
  EXPECT_EQ(err.find("none.yaml"), err.rfind("none.yaml")) << err;
}

TEST(Execute, NamesAMisspeltFlagAlone) {
  const Answer answer = forerun_says("execute examples/execute/dp.yaml --stesp 3");
  EXPECT_EQ(answer.code, 2);
  EXPECT_EQ(answer.err, "error: there is no flag '--stesp'\n  hint: did you mean '--steps'?\n");
}

TEST(Execute, DrawsWhatItDid) {
  const Scratch scratch;
  const std::string path = scratch.path() / "run.json";
  ASSERT_EQ(forerun_says("execute examples/execute/zero3.yaml --steps 1 --skip-reference --trace " + path).code, 0);
  const json trace = json::parse(read_text(path));
  std::set<std::string> names;
  for (const json& event : trace.at("traceEvents")) names.insert(event.at("name").get<std::string>());
  for (const char* name : {"qkv, forward", "attention_core, backward (B)", "optimizer", "dp all_gather",
                           "dp reduce_scatter", "memory (bytes)"})
    EXPECT_TRUE(names.contains(name)) << name;
}

TEST(Execute, SaysWhenTheTraceCannotBeWritten) {
  const Answer answer = forerun_says("execute examples/execute/one.yaml --steps 1 --trace /dev/full");
  EXPECT_NE(answer.code, 0);
  EXPECT_THAT(answer.out, HasSubstr("computation"));  // the answer is there all the same
  EXPECT_THAT(answer.err, HasSubstr("/dev/full: error: the trace cannot be written"));
}

}  // namespace
}  // namespace forerun
