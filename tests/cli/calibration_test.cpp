// Does every verb that predicts take a person's own calibrations, say that it did, and refuse those that do not belong?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"

namespace forerun {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

void write(const std::filesystem::path& path, const std::string& text) { std::ofstream(path) << text; }

// 60 products at a tenth of an H100's peak and 10 us each, so that a step with them is far slower.
std::string slow_products() {
  std::string text = "source,gpu,dtype,kind,m,n,k,bytes,ranks,time_us,notes\n";
  for (int i = 1; i <= 60; ++i) {
    const double flops = 2.0 * (128 * i) * (1024 * (1 + i % 3)) * 4096;
    text += "me,H100,bf16,gemm," + std::to_string(128 * i) + "," + std::to_string(1024 * (1 + i % 3)) + ",4096,,," +
            std::to_string(10 + flops / 99e6) + ",mine\n";
  }
  return text;
}

std::string network(int nodes) {
  std::string text = "source,gpu,ngpus,nnodes,intra_link,inter_link,collective,bytes,time_us\n";
  for (int i = 10; i < 34; ++i) {
    const double bytes = std::pow(2, i);
    text += "me,H100," + std::to_string(8 * nodes) + "," + std::to_string(nodes) + ",NVSwitch,IB 8x400G,all_reduce," +
            std::to_string(bytes) + "," + std::to_string(300 + bytes / 20e3) + "\n";
  }
  return text;
}

const std::string plan =
    "model: llama3-8b\ncluster: {use: dgx-h100, gpus: 16}\njob: {kind: pretrain, sequence: 4096, global_batch: 16, "
    "dtype: bf16}\n"
    "plan: {dp: 16, zero: 1, micro_batch: 1, recompute: full}\n";

nlohmann::json json_of(const Answer& answer) {
  EXPECT_EQ(answer.code, 0) << answer.err;
  return nlohmann::json::parse(answer.out);
}

TEST(Calibration, ChangesWhatTheVerbsPredict) {
  const Scratch scratch;
  write(scratch.path() / "s.csv", slow_products());
  write(scratch.path() / "n.csv", network(2));
  write(scratch.path() / "plan.yaml", plan);
  ASSERT_EQ(forerun_says("fit s.csv --out c.yaml", scratch.path()).code, 0);
  ASSERT_EQ(forerun_says("fit n.csv --out n.yaml --cluster dgx-h100", scratch.path()).code, 0);
  for (const std::string verb : {"estimate", "simulate"}) {
    const auto step = [&](const std::string& flags) {
      return json_of(forerun_says(verb + " plan.yaml --json" + flags, scratch.path()))["step_time_s"].get<double>();
    };
    const double shipped = step(""), kernels = step(" --calibration c.yaml"),
                 both = step(" --calibration c.yaml --calibration n.yaml");
    EXPECT_GT(kernels, 2 * shipped) << verb;
    EXPECT_GT(both, kernels) << verb;
    const Answer said = forerun_says(verb + " plan.yaml --calibration c.yaml --calibration n.yaml", scratch.path());
    EXPECT_THAT(said.out,
                AllOf(HasSubstr("Own calibration c.yaml: bf16 gemm mine (60 samples"),
                      HasSubstr("Own calibration n.yaml: all_reduce of 16 ranks over IB 8x400G (24 samples")));
  }
  const auto planned =
      json_of(forerun_says("plan llama3-8b --cluster dgx-h100 --gpus 8 --sequence 4096 --global-batch 16 --top 1 "
                           "--json --calibration c.yaml",
                           scratch.path()));
  EXPECT_EQ(planned["calibrations"][0]["device"], "h100-sxm-80gb");
}

TEST(Calibration, OfAnotherDeviceOrNetworkIsRefusedAtItsPlace) {
  const Scratch scratch;
  write(scratch.path() / "s.csv", slow_products());
  write(scratch.path() / "n.csv", network(2));
  ASSERT_EQ(forerun_says("fit s.csv --out c.yaml", scratch.path()).code, 0);
  ASSERT_EQ(forerun_says("fit n.csv --out n.yaml", scratch.path()).code, 0);
  const Answer refused = forerun_says(
      "plan llama3-8b --cluster dgx-a100 --gpus 8 --sequence 4096 --global-batch 16 --calibration c.yaml --calibration "
      "n.yaml",
      scratch.path());
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("c.yaml:1:9: error: a calibration of h100-sxm-80gb"),
                                 HasSubstr("its devices are a100-sxm-80gb"), HasSubstr("n.yaml:1:13: error: ")));
  write(scratch.path() / "plan.yaml", plan);
  const Answer nameless = forerun_says("estimate plan.yaml --calibration n.yaml", scratch.path());
  EXPECT_EQ(nameless.code, 2);
  EXPECT_THAT(nameless.err, HasSubstr("write 'cluster: dgx-h100' beside its 'link'"));
}

TEST(Calibration, AllThatIsWrongWithTheFilesIsSaidAtOnce) {
  const Scratch scratch;
  write(scratch.path() / "plan.yaml", plan + "plam: 1\n");
  write(scratch.path() / "a.yaml", "device: h100-sxm-80gb\nfits:\n  - {kind: gem}\n");
  write(scratch.path() / "b.yaml", "generation: hoper\nport: 450\n");
  const Answer refused = forerun_says(
      "estimate plan.yaml --calibration a.yaml --calibration b.yaml --calibration none.yaml", scratch.path());
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err,
              AllOf(HasSubstr("plan.yaml:5:1"), HasSubstr("a.yaml:3:12"), HasSubstr("did you mean 'gemm'?"),
                    HasSubstr("b.yaml:1:13"), HasSubstr("b.yaml:2:7"), HasSubstr("none.yaml")));
}

TEST(Fit, CollectivesReproduceTheirInSampleFigures) {
  const Scratch scratch;
  write(scratch.path() / "n.csv", network(1));
  const Answer fitted = forerun_says("fit n.csv --out c.yaml", scratch.path());
  EXPECT_EQ(fitted.code, 0) << fitted.err;
  const auto json = json_of(forerun_says("validate collectives n.csv --calibration c.yaml --json", scratch.path()));
  const auto& group = json["groups"][0];
  EXPECT_EQ(group["n"], 24);
  EXPECT_EQ(group["evidence"], "fitted");
  const std::string calibration = read_text(scratch.path() / "c.yaml"), key = "in_sample: {median: ";
  EXPECT_NEAR(std::stod(calibration.substr(calibration.find(key) + key.size())), group["median"].get<double>(), 2e-4);
  EXPECT_THAT(fitted.out, AllOf(HasSubstr("all_reduce"), HasSubstr("wrote c.yaml"), Not(HasSubstr("device "))));
}

TEST(Fit, KernelsAndCollectivesTogetherNeedAFolder) {
  const Scratch scratch;
  std::string text = slow_products();
  for (int i = 10; i < 30; ++i)
    text += "me,H100,half,allreduce,,,," + std::to_string(1 << i) + ",8," + std::to_string(20 + (1 << i) / 2e5) + ",\n";
  write(scratch.path() / "s.csv", text);
  const Answer refused = forerun_says("fit s.csv --out c.yaml", scratch.path());
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("1 of kernels, 1 of collectives"), HasSubstr("--out c/")));
  const Answer fitted = forerun_says("fit s.csv --out c/", scratch.path());
  EXPECT_EQ(fitted.code, 0) << fitted.err;
  EXPECT_THAT(fitted.out, AllOf(HasSubstr("wrote c/h100-sxm-80gb.yaml"), HasSubstr("wrote c/collectives-hopper.yaml")));
  write(scratch.path() / "plan.yaml", plan);
  EXPECT_EQ(
      forerun_says("estimate plan.yaml --calibration c/h100-sxm-80gb.yaml --calibration c/collectives-hopper.yaml",
                   scratch.path())
          .code,
      0);
  write(scratch.path() / "own.yaml", "software: forerun\n" + read_text(scratch.path() / "c/h100-sxm-80gb.yaml"));
  const Answer others = forerun_says("estimate plan.yaml --calibration own.yaml", scratch.path());
  EXPECT_EQ(others.code, 2);
  EXPECT_THAT(others.err, HasSubstr("a calibration of kernels that only forerun runs, but the software is"));
  const Answer wrong_verb =
      forerun_says("validate kernels s.csv --calibration c/collectives-hopper.yaml", scratch.path());
  EXPECT_EQ(wrong_verb.code, 2);
  EXPECT_THAT(wrong_verb.err, HasSubstr("c/collectives-hopper.yaml:1:13: error: a calibration of collectives"));
}

TEST(Fit, AClusterMustHaveTheDevicesOfTheRows) {
  const Scratch scratch;
  write(scratch.path() / "n.csv", network(2));
  const Answer refused = forerun_says("fit n.csv --out n.yaml --cluster dgx-a100", scratch.path());
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("measured on h100-sxm-80gb"));
  write(scratch.path() / "one.csv", network(1));
  EXPECT_THAT(forerun_says("fit one.csv --out n.yaml --cluster dgx-h100", scratch.path()).err,
              HasSubstr("leave --cluster out"));
}

}  // namespace
}  // namespace forerun
