// Does a plan file say the same when it is read, written and read again, and does a wrong one say everything that is
// wrong?
#include "strategies/plan/plan_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class PlanFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const std::string& text, const std::string& name = "plan.yaml") const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  [[nodiscard]] PlanFile read(const std::string& text, const std::string& name = "plan.yaml") const {
    const auto file = read_plan_file(write(text, name));
    EXPECT_TRUE(file) << to_string(file.error());
    return file.value_or(PlanFile{});
  }
  [[nodiscard]] std::string problems(const std::string& text) const {
    const auto file = read_plan_file(write(text));
    return file ? "" : to_string(file.error());
  }
  // One plan on eight H100s; all else is right.
  [[nodiscard]] std::string problems_of_plan(const std::string& plan) const {
    return problems(head + "plan: " + plan + "\n");
  }

  const std::string head =
      "model: llama2-7b\ncluster: {use: dgx-h100, gpus: 8}\njob: {sequence: 4096, global_batch: 64}\n";
  fs::path folder_;
};

TEST_F(PlanFiles, AreReadAsWritten) {
  const PlanFile file = read(
      "model: llama3-70b\ncluster: {use: dgx-h100, gpus: 64}\nstack: megatron-core\n"
      "job: {kind: pretrain, sequence: 8192, global_batch: 128, dtype: bf16, optimizer: adamw}\n"
      "plan: {tp: 4, sp: true, cp: 2, cp_kind: ring, pp: 4, virtual_stages: 5, schedule: interleaved, stages: even, "
      "ep: 1, dp: 2, zero: 1,\n"
      "       micro_batch: 1, recompute: selective, overlap: {tp: false, dp: true}}\n");
  EXPECT_EQ(file.plan, (Plan{.tp = 4,
                             .sp = true,
                             .cp = 2,
                             .cp_kind = CpKind::ring,
                             .pp = 4,
                             .virtual_stages = 5,
                             .schedule = ScheduleKind::interleaved,
                             .dp = 2,
                             .zero = 1,
                             .recompute = Recompute::selective,
                             .overlap = {.tp = false, .dp = true}}));
  EXPECT_EQ(file.scenario,
            test::scenario(*find_model("llama3-70b"), "dgx-h100", 64, {.sequence = 8192, .global_batch = 128}));
}

TEST_F(PlanFiles, LeaveTheUsualToTheStack) {
  const Plan usual =
      read(head + "plan: {tp: 2, dp: 4}\n").plan;  // Megatron: sequence parallelism, distributed optimiser
  EXPECT_EQ(usual, (Plan{.tp = 2, .sp = true, .dp = 4, .zero = 1}));
  const Plan plain = read(head + "stack: course\nplan: {tp: 2, dp: 4}\n").plan;
  EXPECT_EQ(plain, (Plan{.tp = 2, .dp = 4}));
  const Plan alone = read(head + "plan: {tp: 8}\n").plan;  // nothing to shard over
  EXPECT_EQ(alone, (Plan{.tp = 8, .sp = true}));
  EXPECT_EQ(read(head + "plan: {pp: 8}\n").plan, (Plan{.pp = 8}));  // no group for sequence parallelism
  EXPECT_EQ(read(head + "plan: {pp: 2, dp: 4, virtual_stages: 2}\n").plan.schedule, ScheduleKind::interleaved);
}

void expect_round_trip(const PlanFile& file, const std::string& path) {
  std::ofstream(path) << to_yaml(file);
  const auto again = read_plan_file(path);
  ASSERT_TRUE(again) << to_string(again.error()) << to_yaml(file);
  EXPECT_EQ(again->plan, file.plan) << to_yaml(file);
  EXPECT_EQ(again->scenario, file.scenario);
  EXPECT_EQ(to_yaml(*again), to_yaml(file));
}

TEST_F(PlanFiles, ReadBackEqual) {
  Scenario given = test::scenario(*find_model("llama2-7b"), "dgx-h100", 8,
                                  {.kind = JobKind::finetune,
                                   .sequence = 4096,
                                   .global_batch = 64,
                                   .dtype = DType::fp8,
                                   .optimizer = Optimizer::sgd});
  for (const Plan& plan : {Plan{.dp = 8, .zero = 3, .micro_batch = 2, .recompute = Recompute::full},
                           Plan{.tp = 2, .sp = false, .cp = 4, .cp_kind = CpKind::all_gather},
                           Plan{.pp = 4, .cut = StageCut::even_with_ends, .dp = 2, .zero = 0},
                           Plan{.cp = 2,
                                .cp_kind = CpKind::ulysses,
                                .dp = 4,
                                .zero = 3,
                                .sharding_group = 4,
                                .offload = {.optimizer = true, .activations = true}},
                           Plan{.pp = 2, .cut = StageCut::list, .stages = {{.blocks = 15}, {.blocks = 17}}, .dp = 4},
                           Plan{.dp = 8, .overlap = {.tp = true, .cp = false, .ep = false, .dp = false, .pp = true}}}) {
    given.stack = *find_stack(plan.zero > 1 ? "course" : "megatron-core");
    expect_round_trip({given, plan, "", "", ""}, (folder_ / "again.yaml").string());
  }
}

TEST_F(PlanFiles, OfTheExamplesReadBackEqual) {
  for (const auto& entry : fs::recursive_directory_iterator(std::string(FORERUN_ROOT) + "/examples")) {
    if (entry.path().extension() != ".yaml" || entry.path().filename() == "m7.yaml") continue;
    if (entry.path().parent_path().filename() == "classroom" || entry.path().parent_path().filename() == "parts")
      continue;  // models, clusters and stacks that plans name
    const auto file = read_plan_file(entry.path().string());
    ASSERT_TRUE(file) << to_string(file.error());
    expect_round_trip(*file, (folder_ / "again.yaml").string());
  }
}

TEST_F(PlanFiles, NamePathsFromWhereTheyStand) {
  write(
      "name: tiny\nsource: test\nhidden: 64\nvocab: 0\ntied_embeddings: false\npositions: none\nmax_positions: "
      "128\nnorm: none\nfinal_norm: false\n"
      "blocks:\n  - repeat: 2\n    block:\n      attention: {heads: 4}\n      mlp: {width: 256, gated: false}\n",
      "models/tiny.yaml");
  const std::string text =
      "model: ../models/tiny.yaml\ncluster: {use: dgx-h100, gpus: 1}\njob: {sequence: 64, global_batch: 2}\nplan: {}\n";
  const PlanFile file = read(text, "plans/plan.yaml");
  EXPECT_EQ(file.scenario.model.name, "tiny");
  EXPECT_EQ(file.model, fs::absolute(folder_ / "models/tiny.yaml").lexically_normal().string());
  expect_round_trip(file, (folder_ / "elsewhere.yaml").string());
}

TEST_F(PlanFiles, InTheWorkingFolderNamePathsThatStayGood) {
  const fs::path before = fs::current_path();
  write(
      "name: tiny\nsource: test\nhidden: 64\nvocab: 0\ntied_embeddings: false\npositions: none\nmax_positions: "
      "128\nnorm: none\nfinal_norm: false\n"
      "blocks:\n  - block:\n      attention: {heads: 4}\n      mlp: {width: 256, gated: false}\n",
      "tiny.yaml");
  write("model: tiny.yaml\ncluster: {use: dgx-h100, gpus: 1}\njob: {sequence: 64, global_batch: 2}\nplan: {}\n");
  fs::create_directories(folder_ / "away");
  fs::current_path(folder_);
  const auto file = read_plan_file("plan.yaml");
  fs::current_path(before);
  ASSERT_TRUE(file) << to_string(file.error());
  expect_round_trip(*file, (folder_ / "away/again.yaml").string());
}

TEST_F(PlanFiles, InFoldersOfAwkwardNamesReadBackEqual) {
  write(
      "name: tiny\nsource: test\nhidden: 64\nvocab: 0\ntied_embeddings: false\npositions: none\nmax_positions: "
      "128\nnorm: none\nfinal_norm: false\n"
      "blocks:\n  - block:\n      attention: {heads: 4}\n      mlp: {width: 256, gated: false}\n",
      "a, b: #1/tiny.yaml");
  const PlanFile file =
      read("model: tiny.yaml\ncluster: {use: dgx-h100, gpus: 1}\njob: {sequence: 64, global_batch: 2}\nplan: {}\n",
           "a, b: #1/plan.yaml");
  expect_round_trip(file, (folder_ / "again.yaml").string());
}

TEST_F(PlanFiles, RefuseByNameWhatIsNotModelled) {
  EXPECT_THAT(problems_of_plan("{pp: 2, dp: 4, schedule: zb-h1}"),
              HasSubstr("plan.yaml:4:7: error: megatron-core has no schedule zb-h1"));
  EXPECT_THAT(problems_of_plan("{dp: 8, order: dp-tp}"),
              HasSubstr("plan.yaml:4:22: error: order 'dp-tp' of the dimensions is not modelled yet"));
  EXPECT_THAT(problems_of_plan("{pp: 2, dp: 4, stages: [{blocks: 16, tp: 2}, 16]}"),
              HasSubstr("own tp, micro_batch or device"));
}

TEST_F(PlanFiles, ReportEveryMistakeAtItsPlace) {
  const std::string all = problems(
      "model: llama2-7\ncluster: {use: dgx-h1000, gpus: 0}\nstack: megatron-cor\n"
      "job: {sequence: 4096, global_batch: 64, dtype: bf61}\nplan: {tp: two, colour: red, recompute: some}\nnotes: "
      "x\n");
  for (const char* part :
       {"plan.yaml:1:8: error", "did you mean 'llama2-7b'?", "plan.yaml:2:16: error", "did you mean 'dgx-h100'?",
        "plan.yaml:2:33: error", "plan.yaml:3:8: error", "did you mean 'megatron-core'?", "plan.yaml:4:48: error",
        "plan.yaml:5:12: error", "'colour'", "plan.yaml:5:41: error", "'notes'"})
    EXPECT_THAT(all, HasSubstr(part));
}

TEST_F(PlanFiles, ReportEveryContradictionAtThePlan) {
  const std::string all = problems_of_plan("{tp: 3, dp: 4, zero: 1, sharding_group: 3}");
  for (const char* part : {"plan.yaml:4:7: error: tp 3 x cp 1 x dp 4 x pp 1 = 12 devices", "tp 3 does not divide",
                           "sharding_group 3 does not divide"})
    EXPECT_THAT(all, HasSubstr(part));
}

TEST_F(PlanFiles, WantTheirParts) {
  const std::string all = problems("stack: course\n");
  for (const char* part : {"model", "cluster", "job", "plan"})
    EXPECT_THAT(all, HasSubstr("'" + std::string(part) + "'"));
  const std::string rest = "job: {sequence: 64, global_batch: 2}\nplan: {}\n";
  EXPECT_THAT(problems("model: ''\ncluster: {use: dgx-h100, gpus: 1}\n" + rest),
              HasSubstr("plan.yaml:1:8: error: the name is empty"));
  EXPECT_THAT(problems("model: llama2-7b\ncluster: {use: '', gpus: 1}\n" + rest),
              HasSubstr("plan.yaml:2:16: error: the name is empty"));
}

}  // namespace
}  // namespace forerun
