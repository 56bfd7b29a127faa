// Does the README show what the program says? FORERUN_APPROVE=1 rewrites its blocks (read the diff).
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "tests/cli/program.hpp"

namespace forerun {
namespace {

constexpr int columns = 120;
const std::filesystem::path readme = root / "README.md";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string output_of(const std::string& command) {
  const Answer answer = forerun_says(command, root, columns);
  EXPECT_EQ(answer.code, 0) << answer.err;
  return answer.out;
}

// The lines from the one that starts with `first` to the one before the next empty line.
std::string paragraph(const std::vector<std::string>& lines, const std::string& first) {
  std::string text;
  bool inside = false;
  for (const std::string& line : lines) {
    inside = (inside || line.find(first) != std::string::npos) && !line.empty();
    if (inside) text += line + "\n";
  }
  return text;
}

// What stands between a marker's ```text fence and the closing fence.
std::pair<std::size_t, std::size_t> block_after(const std::string& text, const std::string& marker) {
  const std::string open = "```text\n";
  const std::size_t begin = text.find(open, text.find(marker)) + open.size();
  return {begin, text.find("```\n", begin)};
}

void expect_block(const std::string& marker, const std::string& wanted) {
  std::string text = read_text(readme);
  ASSERT_NE(text.find(marker), std::string::npos);
  const auto [begin, end] = block_after(text, marker);
  if (std::getenv("FORERUN_APPROVE") != nullptr) {
    std::ofstream(readme) << text.substr(0, begin) << wanted << text.substr(end);
    return;
  }
  EXPECT_EQ(text.substr(begin, end - begin), wanted);
}

TEST(Readme, ShowsTheTableOfTheFirstCommand) {
  const std::vector<std::string> lines =
      lines_of(output_of("plan llama3-70b --cluster dgx-h100 --gpus 64 --sequence 8192 --global-batch 128"));
  const std::string skipped = "[where the best plan's time and memory go]\n\n";
  expect_block("<!-- output of ./run", paragraph(lines, "llama3-70b (") + "\n" + paragraph(lines, "#  plan") + "\n" +
                                           skipped + paragraph(lines, "What each choice is worth") + "\n" +
                                           lines.at(lines.size() - 3) + "\n");
}

TEST(Readme, ShowsTheErrorsOfEverySource) {
  const std::vector<std::string> lines =
      lines_of(output_of("validate training tests/validation/data/training_runs.csv --left-out"));
  expect_block("<!-- accuracy", paragraph(lines, "step time by source") + "\n" + paragraph(lines, "mean over sources") +
                                    "\n" + paragraph(lines, "peak memory by source"));
}

}  // namespace
}  // namespace forerun
