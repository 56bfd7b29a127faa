// Did any answer change? Texts and plans are kept beside this file; a change that is meant is approved with
// `FORERUN_APPROVE=1 ctest --test-dir <build> -R Golden` and read as a diff.
#include <gtest/gtest.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "reports/key_report.hpp"
#include "tests/cli/program.hpp"

namespace forerun {
namespace {

constexpr int columns = 120;
const std::string llama = "plan llama3-70b --cluster dgx-h100 --gpus 64 --sequence 8192 --global-batch 128";
const std::filesystem::path folder = root / "tests/golden";

std::string text_of(const std::string& command) {
  const Answer answer = forerun_says(command, root, columns);
  EXPECT_TRUE(answer.err.empty() || answer.err.front() == '\r') << answer.err;  // on a busy machine progress shows
  return answer.out;
}

// One plan a line and its step to four digits: what a reviewer wants to see move, and nothing that rounding could.
std::string best_plans(const std::string& command) {
  const nlohmann::ordered_json answer = nlohmann::ordered_json::parse(text_of(command + " --json --top 10"));
  std::string lines;
  for (const auto& each : answer.at("plans")) {
    char step[32];
    std::snprintf(step, sizeof step, "%.4g s  ", each.at("step_time_s").get<double>());
    lines += step + each.at("plan").dump() + "\n";
  }
  return lines;
}

TEST(Golden, PlanOfLlama70bOn64H100) { expect_approved(folder / "plan-llama3-70b.txt", text_of(llama)); }
TEST(Golden, EstimateOfTheNemoPlan) {
  expect_approved(folder / "estimate-llama3-70b-nemo.txt", text_of("estimate examples/llama3-70b-nemo.yaml"));
}
TEST(Golden, SimulationOfTheNemoPlan) {
  expect_approved(folder / "simulate-llama3-70b-nemo.txt", text_of("simulate examples/llama3-70b-nemo.yaml"));
}
TEST(Golden, PlanThatDoesNotFit) {
  expect_approved(folder / "no-fit-llama3-405b.txt",
                  text_of("plan llama3-405b --cluster dgx-h100 --gpus 8 --sequence 8192 --global-batch 128"));
}
TEST(Golden, BestPlansOfLlama70b) { expect_approved(folder / "plans-llama3-70b.txt", best_plans(llama)); }
TEST(Golden, BestPlansOfMixtral) {
  expect_approved(folder / "plans-mixtral-8x7b.txt",
                  best_plans("plan mixtral-8x7b --cluster dgx-a100 --gpus 64 --sequence 4096 --global-batch 512"));
}

// The page of keys is what the program says, and nothing else.
TEST(Golden, PageOfKeys) {
  expect_approved(root / "docs/keys.md", keys_page());
  const std::string page = read_text(root / "docs/keys.md");
  std::size_t rows = 0;
  const auto tables = nlohmann::ordered_json::parse(text_of("catalog keys --json"));
  for (const auto& [name, keys] : tables.items()) {
    EXPECT_NE(page.find("\n## " + name + "\n"), std::string::npos) << name;
    for (const auto& key : keys) {
      std::string row = "|";
      for (const char* column : {"key", "kind", "unit", "range", "default", "what"}) {
        const std::string mark = std::string_view(column) == "key" ? "`" : "";
        row += " " + mark + key.at(column).get<std::string>() + mark + " |";
      }
      EXPECT_NE(page.find("\n" + row + "\n"), std::string::npos) << row;
      ++rows;
    }
  }
  std::size_t shown = 0;
  for (std::size_t at = page.find("\n| `"); at != std::string::npos; at = page.find("\n| `", at + 1)) ++shown;
  EXPECT_EQ(shown, rows);
}

}  // namespace
}  // namespace forerun
