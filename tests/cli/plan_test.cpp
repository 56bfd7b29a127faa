// Do `plan` and `estimate` answer as a person and as a program expect: exit codes, JSON, saved files, widths, streams?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"

namespace forerun {
namespace {

using nlohmann::json;
using testing::ContainsRegex;
using testing::HasSubstr;

const std::string small = "plan llama3-8b --cluster dgx-h100 --gpus 16 --sequence 4096 --global-batch 64";
const std::string too_large = "plan llama3-405b --cluster dgx-h100 --gpus 8 --sequence 8192 --global-batch 128";

// What --json says, with the exit code that is expected.
json parsed(const std::string& command, int code = 0) {
  const Answer answer = forerun_says(command + " --json");
  EXPECT_EQ(answer.code, code) << answer.err;
  return json::parse(answer.out);
}

double sum(const json& times) {
  double total = 0;
  for (const auto& [name, time] : times.items())
    total += time.is_object() ? (name == "hidden_s" ? 0 : sum(time)) : time.get<double>();
  return total;
}

// What every estimate keeps, whoever prints it.
void expect_consistent(const json& e, double tokens_a_step) {
  EXPECT_NEAR(sum(e.at("breakdown")), e.at("step_time_s").get<double>(), 1e-9 * e.at("step_time_s").get<double>());
  EXPECT_NEAR(e.at("tokens_per_s").get<double>() * e.at("step_time_s").get<double>(), tokens_a_step,
              1e-6 * tokens_a_step);
  EXPECT_LE(e.at("low"), e.at("step_time_s"));
  EXPECT_GE(e.at("high"), e.at("step_time_s"));
  EXPECT_GT(e.at("mfu"), 0);
  EXPECT_LT(e.at("mfu"), 1);
  const json& memory = e.at("memory");
  const double headroom = memory.at("capacity").get<double>() - memory.at("total").get<double>();
  EXPECT_NEAR(memory.at("headroom").get<double>(), headroom, 1);  // whole bytes each
  EXPECT_EQ(memory.at("stages").size(), e.at("plan").at("pp"));
  for (const auto& [dimension, flows] : e.at("bytes").items()) {
    for (const auto& [flow, bytes] : flows.items()) EXPECT_GT(bytes.at("api"), 0) << dimension << " " << flow;
  }
}

TEST(Plan, AnswersInJson) {
  const json answer = parsed(small + " --top 7");
  ASSERT_EQ(answer.at("plans").size(), 7);
  double before = 0;
  for (const json& each : answer.at("plans")) {
    expect_consistent(each, 64.0 * 4096);
    const json& plan = each.at("plan");
    EXPECT_EQ(plan.at("tp").get<int>() * plan.at("cp").get<int>() * plan.at("pp").get<int>() * plan.at("dp").get<int>(),
              16);
    EXPECT_TRUE(each.at("memory").at("fits"));
    EXPECT_GE(each.at("simulated").at("step_time_s"), before);  // best first
    before = each.at("simulated").at("step_time_s");
    EXPECT_NEAR(before / each.at("step_time_s").get<double>() - 1, each.at("simulated").at("difference"), 1e-12);
  }
}

TEST(Plan, CertifiesThatNoPlanWasLeftOut) {
  const json c = parsed(small).at("certificate");
  EXPECT_GT(c.at("total"), 100);
  EXPECT_EQ(c.at("total").get<int>(),
            c.at("evaluated").get<int>() + c.at("pruned_memory").get<int>() + c.at("pruned_bound").get<int>());
}

TEST(Plan, SaysTheSameBytesOnAnyNumberOfThreads) {
  EXPECT_EQ(forerun_says(small + " --json --threads 1").out, forerun_says(small + " --json --threads 2").out);
  EXPECT_EQ(forerun_says(small + " --threads 1").out, forerun_says(small + " --threads 2").out);
}

// However few are shown, they are the first of those that more show.
TEST(Plan, ShowsTheBeginOfALongerList) {
  const json few = parsed(small + " --top 2").at("plans"), more = parsed(small + " --top 6").at("plans");
  ASSERT_EQ(few.size(), 2);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(few.at(i), more.at(i));
}

TEST(Plan, SaysWhetherSimulationAndClosedFormDiffer) {
  const Answer answer = forerun_says(small);
  EXPECT_THAT(answer.out, HasSubstr("simulated"));
  EXPECT_THAT(answer.out,
              ContainsRegex("Ranked by simulation. It differs from the closed form by (3 % or less|more than 3 %)"));
}

TEST(Plan, KeepsToStandardOutput) {
  const Answer answer = forerun_says(small);
  EXPECT_EQ(answer.code, 0);
  EXPECT_THAT(answer.err, testing::Not(HasSubstr("\r")));  // of a busy machine's progress full lines may show
  EXPECT_THAT(answer.out, HasSubstr("llama3-8b"));
}

TEST(Plan, SavesWhatEstimateReadsAndPricesAlike) {
  const Scratch scratch;
  const Answer answer = forerun_says(small + " --json --save 'the plan.yaml'", scratch.path());
  ASSERT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(answer.err, "saved the best plan to the plan.yaml\n");
  const json best = json::parse(answer.out).at("plans").at(0);
  const Answer estimate = forerun_says("estimate 'the plan.yaml' --json", scratch.path());
  ASSERT_EQ(estimate.code, 0) << estimate.err;
  const json again = json::parse(estimate.out);
  for (const char* key : {"plan", "step_time_s", "memory", "breakdown", "bytes"})
    EXPECT_EQ(again.at(key), best.at(key)) << key;
}

TEST(Plan, OfFilesCanBeReadFromAnotherFolder) {
  const Scratch scratch, elsewhere;
  std::filesystem::copy(root / "tests/unit/workloads/data/gpt2.config.json", scratch.path() / "config.json");
  const std::string saved = (elsewhere.path() / "plan.yaml").string();
  const Answer plan = forerun_says(
      "plan config.json --cluster dgx-h100 --gpus 3 --sequence 1024 --global-batch 6 --save " + saved, scratch.path());
  ASSERT_EQ(plan.code, 0) << plan.err;
  const Answer estimate = forerun_says("estimate plan.yaml", elsewhere.path());
  EXPECT_EQ(estimate.code, 0) << estimate.err;
}

TEST(Plan, ThatCannotFitSaysWhatBindsAndWhatWouldFit) {
  const Scratch scratch;
  const Answer answer = forerun_says(too_large + " --save plan.yaml", scratch.path());
  EXPECT_EQ(answer.code, 3);
  EXPECT_THAT(answer.out, HasSubstr("short by"));
  EXPECT_THAT(answer.out, HasSubstr("optimizer states"));
  EXPECT_THAT(answer.out, HasSubstr("devices instead of 8"));
  EXPECT_THAT(answer.err, HasSubstr("plan.yaml is not written"));
  EXPECT_TRUE(files_in(scratch.path()).empty());
}

// 406 B parameters at 18 bytes (bf16 weights, fp32 gradients and three fp32 states) on 8 devices are 913 GB each, and
// an H100 has 85.5 GB: short by at least 828 GB, and no fewer than 406e9 x 18 / 85.5e9 = 85.4 devices could do.
TEST(Plan, ThatCannotFitSaysSoInJson) {
  const json answer = parsed(too_large, 3);
  EXPECT_TRUE(answer.at("plans").empty());
  EXPECT_GT(answer.at("short_by"), 828e9);
  EXPECT_THAT(answer.at("binding").get<std::string>(), HasSubstr("stage 0"));
  ASSERT_FALSE(answer.at("would_fit").empty());
  for (const json& change : answer.at("would_fit")) {
    const json& plan = change.at("plan");
    EXPECT_GT(plan.at("tp").get<int>() * plan.at("cp").get<int>() * plan.at("pp").get<int>() * plan.at("dp").get<int>(),
              85);
  }
}

TEST(Estimate, AnswersInJson) {
  const json answer = parsed("estimate examples/llama3-70b-nemo.yaml");
  expect_consistent(answer, 128.0 * 8192);
  EXPECT_EQ(answer.at("model"), "llama3-70b");
  EXPECT_EQ(answer.at("gpus"), 64);
}

TEST(Estimate, OfAPlanThatDoesNotFitIsAnAnswerWithExitCode3) {
  const Scratch scratch;
  std::ofstream(scratch.path() / "plan.yaml") << "model: llama3-70b\ncluster: {use: dgx-h100, gpus: 8}\n"
                                                 "job: {kind: pretrain, sequence: 8192, global_batch: 8, dtype: bf16}\n"
                                                 "plan: {tp: 8, zero: 0, micro_batch: 1}\n";
  const Answer answer = forerun_says("estimate plan.yaml", scratch.path());
  EXPECT_EQ(answer.code, 3);
  EXPECT_THAT(answer.out, HasSubstr("capacity"));
  EXPECT_THAT(answer.err, HasSubstr("does not fit: short by"));
}

TEST(AnAnswer, ThatCannotBeWrittenIsAFailure) {
  for (const char* lost : {"&-", "/dev/full"}) {
    const Answer answer = forerun_says("catalog models", root, 100, lost);
    EXPECT_EQ(answer.code, 1) << lost;
    EXPECT_THAT(answer.err, HasSubstr("could not be written")) << lost;
  }
}

// --- widths ------------------------------------------------------------------------------------------------------

std::size_t characters_of(const std::string& line) {
  std::size_t count = 0;
  for (const char c : line) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return count;
}

// The lines of tables: from the one above a rule to the next empty line.
std::vector<std::string> table_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  std::string above;
  bool inside = false;
  for (std::string line; std::getline(stream, line); above = line) {
    const bool is_rule = line.size() > 3 && line.find_first_not_of('-') == std::string::npos;
    if (is_rule && !inside) lines.push_back(above);
    inside = !line.empty() && (inside || is_rule);
    if (inside) lines.push_back(line);
  }
  return lines;
}

class Width : public testing::TestWithParam<int> {};

TEST_P(Width, IsKeptByTables) {
  for (const char* command : {"plan llama3-8b --cluster dgx-h100 --gpus 16 --sequence 4096 --global-batch 64",
                              "estimate examples/llama3-70b-nemo.yaml", "simulate examples/llama3-70b-nemo.yaml",
                              "catalog models", "catalog gpus", "catalog clusters", "catalog stacks"}) {
    const std::vector<std::string> lines = table_lines(forerun_says(command, root, GetParam()).out);
    EXPECT_GT(lines.size(), 3) << command;
    for (const std::string& line : lines) EXPECT_LE(characters_of(line), GetParam()) << command << "\n" << line;
  }
}

INSTANTIATE_TEST_SUITE_P(OfTerminals, Width, testing::Values(60, 80, 100, 132));

// --- help --------------------------------------------------------------------------------------------------------

class HelpOf : public testing::TestWithParam<const char*> {};

TEST_P(HelpOf, ShowsExamples) {
  const std::string verb = GetParam();
  const Answer answer = forerun_says(verb + " --help");
  EXPECT_EQ(answer.code, 0);
  EXPECT_THAT(answer.err, testing::Not(HasSubstr("\r")));  // of a busy machine's progress full lines may show
  EXPECT_THAT(answer.out, ContainsRegex("Examples?:\n  forerun " + verb));
}

INSTANTIATE_TEST_SUITE_P(Verbs, HelpOf, testing::Values("plan", "estimate", "simulate", "catalog", "validate training"),
                         [](const auto& one) { return test_name(one.param); });

TEST(Help, NamesTheVerbsAndTheExitCodes) {
  const Answer answer = forerun_says("--help");
  EXPECT_EQ(answer.code, 0);
  for (const char* word : {"plan", "estimate", "simulate", "catalog", "validate", "Exit codes"})
    EXPECT_THAT(answer.out, HasSubstr(word));
}

}  // namespace
}  // namespace forerun
