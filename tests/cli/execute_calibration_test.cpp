// Does `execute` predict the machine that was profiled, and does a calibration that is named count?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/own_machine.hpp"
#include "tests/cli/program.hpp"

namespace forerun {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;

// my.yaml, my.cluster.yaml and my.collectives.yaml as profile leaves them, and slow.yaml: reductions 100 times as long.
void write_machine(const std::filesystem::path& folder) {
  write(folder / "my.device.yaml", own_device);
  write(folder / "my.cluster.yaml", own_cluster);
  write(folder / "my.samples.csv", own_kernels());
  write(folder / "my.csv", own_collectives("in-process", "allreduce", 20, 2e3));
  write(folder / "slow.csv", own_collectives("in-process", "allreduce", 2000, 20));
  write(folder / "plan.yaml",
        "model: " FORERUN_ROOT
        "/examples/execute/parts/two-blocks.yaml\n"
        "cluster: {use: " FORERUN_ROOT
        "/examples/execute/parts/cores.yaml, gpus: 2}\nstack: forerun\n"
        "job: {kind: pretrain, sequence: 64, global_batch: 4, dtype: fp32}\nplan: {dp: 2, micro_batch: 1}\n");
  for (const std::string fit :
       {"my.samples.csv --out my.yaml", "my.csv --out my.collectives.yaml", "slow.csv --out slow.yaml"}) {
    const Answer answer = forerun_says("fit " + fit, folder);
    ASSERT_EQ(answer.code, 0) << answer.err;
  }
}

json execute(const std::filesystem::path& folder, const std::string& flags) {
  const Answer answer = forerun_says("execute plan.yaml --steps 1 --skip-reference --json" + flags, folder);
  EXPECT_EQ(answer.code, 0) << answer.err;
  return json::parse(answer.out);
}

double predicted_time(const json& run, const std::string& name) {
  for (const json& row : run.at("time")) {
    if (row.at("name") == name) return row.at("predicted");
  }
  ADD_FAILURE() << "no time of " << name;
  return 0;
}

TEST(ExecuteCalibrated, PredictsTheMachineThatWasProfiled) {
  const Scratch scratch;
  write_machine(scratch.path());
  const json stated = execute(scratch.path(), ""), profiled = execute(scratch.path(), " --calibration my.yaml");
  EXPECT_EQ(stated.at("cluster"), "cores");
  EXPECT_EQ(profiled.at("cluster"), "my-box");
  EXPECT_NE(predicted_time(stated, "computation"), predicted_time(profiled, "computation"));
}

TEST(ExecuteCalibrated, ByWhatIsNamedRatherThanByWhatLiesBeside) {
  const Scratch scratch;
  write_machine(scratch.path());
  const std::string dp = "dp communication";
  const double beside = predicted_time(execute(scratch.path(), " --calibration my.yaml"), dp);
  EXPECT_GT(predicted_time(execute(scratch.path(), " --calibration my.yaml --calibration slow.yaml"), dp), 10 * beside);
  EXPECT_GT(predicted_time(execute(scratch.path(), " --calibration slow.yaml --calibration my.yaml"), dp), 10 * beside);
}

TEST(ExecuteCalibrated, SaysThatAPredictionIsOfAnotherKindOfProcessor) {
  const Scratch scratch;
  write(scratch.path() / "plan.yaml",
        "model: " FORERUN_ROOT
        "/examples/execute/parts/two-blocks.yaml\ncluster: {use: dgx-h100, gpus: 1}\nstack: forerun\n"
        "job: {kind: pretrain, sequence: 64, global_batch: 4, dtype: fp32}\nplan: {micro_batch: 1}\n");
  const json run = execute(scratch.path(), "");
  // A busy machine adds another remark.
  EXPECT_THAT(run.at("remarks").get<std::vector<std::string>>(),
              Contains(HasSubstr("predicted for h100-sxm-80gb, run on the cores of this machine")));
  EXPECT_TRUE(run.at("agrees").is_null());
}

}  // namespace
}  // namespace forerun
