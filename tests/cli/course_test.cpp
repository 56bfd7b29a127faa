// Does `forerun simulate` answer the course's exercises, and does examples/README.md say what it prints?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "tests/cli/program.hpp"

namespace forerun {
namespace {

using nlohmann::json;

constexpr double ms = 1e-3, us = 1e-6, MiB = 1048576.0;
constexpr double rounding = 1e-9;  // every task takes whole picoseconds, there are some thousand

json simulated(const std::string& exercise, const std::string& flags = "") {
  const Answer answer = forerun_says("simulate examples/course/" + exercise + ".yaml --json " + flags);
  EXPECT_EQ(answer.code, 0) << answer.err;
  return json::parse(answer.out);
}

const json& breakdown(const json& answer, std::size_t role = 0) { return answer.at("roles").at(role).at("breakdown"); }
double step(const json& answer) { return answer.at("step_time_s"); }
double exposed(const json& answer, const char* dimension) { return breakdown(answer).at("exposed_s").at(dimension); }
double hidden(const json& answer, const char* dimension) { return breakdown(answer).at("hidden_s").at(dimension); }
double wire(const json& answer, const char* dimension, const char* flow) {
  return answer.at("bytes").at(dimension).at(flow).at("wire");
}
double api(const json& answer, const char* dimension, const char* flow) {
  return answer.at("bytes").at(dimension).at(flow).at("api");
}

// 1 GB, 50 GB/s, 8 ranks: 2 x 7/8 x 20 ms.
TEST(E11, RingAllReduce) { EXPECT_NEAR(exposed(simulated("e11"), "dp"), 35.0 * ms, rounding); }

TEST(E11, OnePhaseTakesHalf) {
  const Scratch scratch;
  const std::string trace = (scratch.path() / "trace.json").string();
  EXPECT_NEAR(exposed(simulated("e11-phases", "--trace " + trace), "dp"), 35.0 * ms, rounding);
  int phases = 0;
  const json events = json::parse(read_text(trace)).at("traceEvents");
  for (const json& event : events) {
    if (event.at("name") != "dp reduce_scatter" && event.at("name") != "dp all_gather") continue;
    EXPECT_NEAR(event.at("dur").get<double>(), 17500, 0.001);  // us
    ++phases;
  }
  EXPECT_EQ(phases, 2);
}

// 2 x 7 steps of 10 us more; 64 KB are 64,000 bytes: 14 x 8 KB over 50 GB/s = 2.24 us.
TEST(E12, RingAllReduceWithLatency) {
  EXPECT_NEAR(exposed(simulated("e12-1gb"), "dp"), 35.14 * ms, rounding);
  EXPECT_NEAR(exposed(simulated("e12-64kb"), "dp"), 142.24 * us, rounding);
}

// (K - 1) / (M + K - 1) of the step, (K - 1) / M of the work, on every stage.
TEST(E28, BubblesOfPipelines) {
  const struct {
    const char* name;
    int stages;
    double of_total, to_ideal;
  } rows[] = {{"e28-4x4", 4, 0.4286, 0.75},
              {"e28-4x16", 4, 0.1579, 0.1875},
              {"e28-8x32", 8, 0.1795, 0.2188},
              {"e28-8x64", 8, 0.0986, 0.1094}};
  for (const auto& row : rows) {
    const json answer = simulated(row.name);
    ASSERT_EQ(answer.at("roles").size(), row.stages);
    for (std::size_t role = 0; role < answer.at("roles").size(); ++role) {
      const double bubble = breakdown(answer, role).at("bubble_s");
      EXPECT_NEAR(bubble / step(answer), row.of_total, 6e-5) << row.name;  // the answers have four digits
      EXPECT_NEAR(bubble / breakdown(answer, role).at("compute_s").get<double>(), row.to_ideal, 6e-5) << row.name;
    }
  }
}

// F = 10 ms, B = 20 ms: (8 + 4 - 1) x 30 ms, of which 240 are work.
TEST(E30, MakespanOfGPipeAnd1F1B) {
  for (const char* name : {"e30-gpipe", "e30-1f1b"}) {
    const json answer = simulated(name);
    EXPECT_NEAR(step(answer), 330 * ms, rounding);
    for (std::size_t stage = 0; stage < 4; ++stage)
      EXPECT_NEAR(breakdown(answer, stage).at("compute_s").get<double>() / step(answer), 240.0 / 330, 1e-6);
  }
}

// GPipe keeps all 16, 1F1B K - i on stage i.
TEST(E31, MicroBatchesInFlight) {
  const json gpipe = simulated("e31-gpipe"), flush = simulated("e31-1f1b");
  const auto activations = [](const json& answer, std::size_t stage) {
    return answer.at("roles").at(stage).at("memory").at("peak").at("activations").get<double>();
  };
  const double each = activations(gpipe, 0) / 16;
  for (std::size_t stage = 0; stage < 4; ++stage) {
    EXPECT_EQ(gpipe.at("roles").at(stage).at("in_flight"), 16);
    EXPECT_EQ(flush.at("roles").at(stage).at("in_flight"), 4 - stage);
    EXPECT_EQ(activations(flush, stage), static_cast<double>(4 - stage) * each);
  }
}

// Two chunks: (K - 1)(F + B) / 2 = 45 ms of 240 + 45.
TEST(E32, InterleavedHalvesTheBubble) {
  const json answer = simulated("e32-interleaved");
  EXPECT_NEAR(step(answer), 285 * ms, rounding);
  EXPECT_NEAR(breakdown(answer).at("bubble_s").get<double>() / step(answer), 0.1579, 5e-5);
}

// F = B = W = 10 ms: (K - 1)(F + B - W) = 30 ms instead of 90. (B has attention's two gradients, 0.004 % of it, and W
// none.)
TEST(E32, ZeroBubbleFillsTheBubbleWithWeights) {
  EXPECT_NEAR(breakdown(simulated("e32-zb-h1")).at("bubble_s").get<double>(), 30 * ms, 1e-4 * 30 * ms);
  EXPECT_NEAR(breakdown(simulated("e30-1f1b")).at("bubble_s").get<double>(), 90 * ms, rounding);
}

// From the end of forward (20 ms): 40 + 24 ms; with buckets that are ready at 20 and 40 ms and take 12 each, 52 ms.
TEST(E33, BucketsHideHalfOfTheGradients) {
  const json vanilla = simulated("e33-vanilla"), buckets = simulated("e33-buckets");
  EXPECT_NEAR(step(vanilla) - 20 * ms, 64 * ms, rounding);
  EXPECT_NEAR(step(buckets) - 20 * ms, 52 * ms, rounding);
  EXPECT_NEAR(hidden(buckets, "dp"), 12 * ms, rounding);
}

TEST(E41, BytesToAndFromExperts) {
  const json answer = simulated("e41");
  EXPECT_EQ(api(answer, "ep", "all_to_all"), 4 * 192 * MiB);
  EXPECT_EQ(wire(answer, "ep", "all_to_all"), 4 * 168 * MiB);
}

// Forward is half of Ulysses' step; of sequence parallelism's it is 2 of 6 gathers and 2 of 4 scatters.
TEST(E44, BytesOfUlyssesAndOfSequenceParallelism) {
  const double ulysses = wire(simulated("e44-ulysses"), "cp", "all_to_all") / 2;
  const json sp = simulated("e44-sp");
  const double gathers = wire(sp, "tp", "all_gather") * 2 / 6, scatters = wire(sp, "tp", "reduce_scatter") * 2 / 4;
  EXPECT_EQ(ulysses, 448 * MiB);
  EXPECT_EQ(gathers + scatters, 3584 * MiB);
  EXPECT_EQ((gathers + scatters) / ulysses, 8);
}

// Keys and values seven times forward; backward again, and seven times their gradients. A block takes 4 (L/8)^2 D /
// 312e12 s; beside the 3.5 x 8 blocks there are three times 24 (L/8) D^2 FLOP of products.
TEST(E45, ARingHidesItsSends) {
  const json answer = simulated("e45");
  const double rows = 131072.0 / 8, products = 3 * 24 * rows * 4096 * 4096 / 312e12;
  const double block = (breakdown(answer).at("compute_s").get<double>() - products) / (3.5 * 8),
               send = hidden(answer, "cp") / (3 * 7 - 1);
  EXPECT_EQ(wire(answer, "cp", "send"), 3 * 1792 * MiB);
  EXPECT_NEAR(block, 14.1 * ms, 0.01 * 14.1 * ms);
  EXPECT_NEAR(send, 10.7 * ms, 0.01 * 10.7 * ms);
  EXPECT_NEAR(exposed(answer, "cp"), send, 1e-9);  // of the last block's gradients, on their way home
}

// --- the README --------------------------------------------------------------------------------------------------

// Runs of blanks are one, so that widths of columns do not matter.
std::string one_blank(const std::string& text) { return std::regex_replace(text, std::regex("[ \t]+"), " "); }

struct Row {
  std::string file;
  std::vector<std::string> prints;
};

std::vector<Row> rows_of_readme() {
  std::vector<Row> rows;
  std::istringstream text(read_text(root / "examples/README.md"));
  for (std::string line; std::getline(text, line);) {
    std::smatch cells;
    if (!std::regex_match(line, cells, std::regex(R"(\| `(e[^`]*\.yaml)` \|[^|]*\| (.*) \|)"))) continue;
    Row row{cells[1], {}};
    const std::string prints = cells[2];
    const std::regex quoted("`([^`]*)`");
    for (std::sregex_iterator i(prints.begin(), prints.end(), quoted), end; i != end; ++i)
      row.prints.push_back((*i)[1]);
    rows.push_back(std::move(row));
  }
  return rows;
}

TEST(ExamplesReadme, HasARowForEveryExercise) {
  std::set<std::string> named, there;
  for (const Row& row : rows_of_readme()) named.insert(row.file);
  for (const auto& entry : std::filesystem::directory_iterator(root / "examples/course")) {
    const std::string name = entry.path().filename().string();
    if (name.front() == 'e') there.insert(name);
  }
  EXPECT_EQ(named, there);
}

TEST(ExamplesReadme, SaysWhatIsPrinted) {
  for (const Row& row : rows_of_readme()) {
    const std::string out = "\n" + one_blank(forerun_says("simulate examples/course/" + row.file).out);
    EXPECT_FALSE(row.prints.empty()) << row.file;
    for (const std::string& line : row.prints) {  // from the start of a line to the end of a word
      EXPECT_THAT(out, testing::ContainsRegex("\n ?" + line + "[ ,\n]")) << row.file;
    }
  }
}

}  // namespace
}  // namespace forerun
