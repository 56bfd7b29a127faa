// Are paths inside files taken from those files, and are .yml files found wherever a file is named?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"

namespace forerun {
namespace {

using testing::HasSubstr;

void write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

constexpr const char* cluster =
    "name: mine\nnodes:\n  - device: ../devices/mine.yml\n    devices: 8\n"
    "    fabric: {kind: switched, bandwidth: 450 GB/s, latency: 1 us}\n    host: {bandwidth: 55 GB/s, latency: 2 us}\n"
    "    nics: 0\n";
constexpr const char* device =
    "name: my-device\nvendor: nvidia\nfamily: hopper\ncompute: {bf16: 900 TFLOP/s, fp32: 60 TFLOP/s}\n"
    "memory: {capacity: 80 GB, bandwidth: 3 TB/s}\nl2: 50 MB\nsms: 132\nclock: 1.8 GHz\nlaunch_overhead: 2 us\n"
    "concurrent_streams: 8\npower: 700 W\n";
constexpr const char* plan =
    "model: llama3-8b\ncluster: {use: ../clusters/mine.yml, gpus: 8}\nstack: ../stacks/mine.yml\n"
    "job: {sequence: 4096, global_batch: 64}\nplan: {dp: 8, recompute: full}\n";

TEST(PathsInFiles, AreRelativeToTheFile) {
  const Scratch scratch;
  write(scratch.path() / "clusters/mine.yml", cluster);
  write(scratch.path() / "devices/mine.yml", device);
  write(scratch.path() / "stacks/mine.yml", read_text(root / "costmodel/data/stacks/nemo.yaml"));
  write(scratch.path() / "plans/mine.yml", plan);
  write(scratch.path() / "elsewhere/nothing", "");
  for (const char* from : {"", "plans", "elsewhere"}) {
    const std::string file = (scratch.path() / "plans/mine.yml").string();
    const Answer answer = forerun_says("estimate " + file, scratch.path() / from);
    EXPECT_EQ(answer.code, 0) << answer.err;
    EXPECT_THAT(answer.out, HasSubstr("mine: 8 x my-device, software nemo"));
  }
}

TEST(PathsInFiles, ThatAreMissingAreSaidWhereTheyStand) {
  const Scratch scratch;
  write(scratch.path() / "clusters/mine.yml", cluster);
  const Answer answer = forerun_says("catalog clusters clusters/mine.yml", scratch.path());
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.err,
              HasSubstr("clusters/mine.yml:3:13: error: clusters/../devices/mine.yml: there is no such file"));
}

const std::string nemo = "simulate examples/llama3-70b-nemo.yaml ";

TEST(AProgram, IsPrintedForProgramsToo) {
  const Answer answer = forerun_says("simulate examples/course/pp.yaml --program --json");
  ASSERT_EQ(answer.code, 0) << answer.err;
  const auto json = nlohmann::json::parse(answer.out);
  const auto& stage = json.at("stages").at(0);
  const auto& body = stage.at("bodies").at(stage.at("calls").at(1).at("body").get<std::size_t>());
  EXPECT_FALSE(body.at("instructions").empty());
  for (const auto& in : body.at("instructions")) {
    for (const auto& tensor : in.at("reads")) EXPECT_LT(tensor.get<std::size_t>(), stage.at("tensors").size());
  }
}

// A picture shows changes of a hundredth of the peak, and the peak itself.
TEST(ATrace, HasTheMemoryThatAPictureShows) {
  const Scratch scratch;
  const auto counters_of = [&](const std::string& flag) {
    const auto path = scratch.path() / "trace.json";
    const Answer answer = forerun_says(nemo + "--trace " + path.string() + flag);
    EXPECT_EQ(answer.code, 0) << answer.err;
    std::ifstream lines(path);
    std::size_t count = 0;
    std::int64_t most = 0;
    constexpr std::string_view key = "\"alive\":";
    for (std::string line; std::getline(lines, line);) {
      const std::size_t at = line.find(key);
      if (at == std::string::npos) continue;
      ++count;
      most = std::max<std::int64_t>(most, std::stoll(line.substr(at + key.size())));
    }
    return std::pair(count, most);
  };
  const auto [visible, peak] = counters_of("");
  const auto [all, true_peak] = counters_of(" --all-counters");
  EXPECT_LT(5 * visible, all);
  EXPECT_EQ(peak, true_peak);
}

}  // namespace
}  // namespace forerun
