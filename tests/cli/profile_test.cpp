// Does `forerun profile` refuse what it cannot do, and do its rows become a calibration that plans take?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/own_machine.hpp"
#include "tests/cli/program.hpp"

namespace forerun {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

TEST(Profile, RefusesWhatItCannotMeasure) {
  const Scratch scratch;
  EXPECT_THAT(forerun_says("profile --backend gpu --out x.txt --dtype fp7", scratch.path()).err,
              AllOf(HasSubstr("'gpu' is no backend"), HasSubstr("a calibration is a YAML file"),
                    HasSubstr("'fp7' is no format")));
  EXPECT_THAT(forerun_says("profile --dtype fp32,fp7", scratch.path()).err, HasSubstr("'fp7' is no format"));
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

TEST(Profile, OfAGpuSaysWhatIsMissing) {
  if (std::filesystem::exists("/dev/nvidia0") || std::filesystem::exists("/dev/dxg"))
    GTEST_SKIP() << "this machine has a GPU";
  const Scratch scratch;
  const Answer cuda = forerun_says("profile --backend cuda --device 1", scratch.path());
  EXPECT_EQ(cuda.code, 2);
  EXPECT_THAT(cuda.err,
              AnyOf(HasSubstr("this forerun was built without CUDA"), HasSubstr("--backend cuda: no GPU can be used")));
  EXPECT_THAT(cuda.err, HasSubstr("or use --backend cpu"));
  EXPECT_EQ(cuda.out, "");
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

TEST(Profile, OfCoresHasNoDevice) {
  const Answer answer = forerun_says("profile --device 0");
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.err, HasSubstr("--device says which GPU"));
}

// Said before anything is measured: what is there stays, and nothing is added.
TEST(Profile, GoesOnOnlyWithItsOwnSamples) {
  const Scratch scratch;
  const std::string columns =
      "source,gpu,dtype,kind,m,n,k,batch,heads,kv_heads,head_dim,q_len,kv_len,bytes,time_us,notes,machine\n";
  const std::string others =
      columns + "profile,my.device.yaml,fp32,gemm,8,8,8,1,,,,,,,1.0,forerun;linear_forward;;spread=0,another-machine\n";
  for (const auto& [text, said] :
       {std::pair<std::string, std::string>{others,
                                            "my.samples.csv:2:1: error: these are samples of another-machine, not of "},
        {"a,b\n1,2\n", "my.samples.csv:1:1: error: these are not the samples of a profile"}}) {
    write(scratch.path() / "my.samples.csv", text);
    const Answer answer = forerun_says("profile --quick --resume --out my.yaml", scratch.path());
    EXPECT_EQ(answer.code, 2);
    EXPECT_THAT(answer.err, AllOf(HasSubstr(said), HasSubstr("name another file with --out")));
    EXPECT_EQ(read_text(scratch.path() / "my.samples.csv"), text);
    EXPECT_EQ(files_in(scratch.path()).size(), 1U);
  }
}

TEST(Profile, SaysWhereItsCalibrationGoes) {
  EXPECT_THAT(forerun_says("profile --help").out,
              HasSubstr("usually local.yaml; of a GPU its name, such as nvidia-h200.yaml"));
}

double number_after(const std::string& text, const std::string& kind, const std::string& key) {
  const std::size_t at = text.find(key + ": ", text.find("kind: " + kind));
  return std::stod(text.substr(at + key.size() + 2));
}

TEST(Profile, RowsOfADeviceOfOnesOwnGiveBackTheirConstants) {
  const Scratch scratch;
  write(scratch.path() / "my.device.yaml", own_device);
  write(scratch.path() / "my.samples.csv", own_kernels());
  const Answer fitted = forerun_says("fit my.samples.csv --out my.yaml", scratch.path());
  ASSERT_EQ(fitted.code, 0) << fitted.err;
  const std::string calibration = read_text(scratch.path() / "my.yaml");
  EXPECT_THAT(calibration, HasSubstr("device: my-core"));
  EXPECT_NEAR(number_after(calibration, "gemm", "compute"), 0.5, 0.02);
  EXPECT_NEAR(number_after(calibration, "norm", "memory"), 0.5, 0.01);
  EXPECT_NEAR(number_after(calibration, "norm", "backward"), 2, 0.02);
  // From another folder: the device is beside the rows.
  EXPECT_EQ(forerun_says("validate kernels " + (scratch.path() / "my.samples.csv").string() + " --calibration " +
                         (scratch.path() / "my.yaml").string())
                .code,
            0);
}

TEST(Profile, CollectivesOfRanksOfOneMachineAreFitted) {
  const Scratch scratch;
  write(scratch.path() / "my.device.yaml", own_device);
  write(scratch.path() / "my.cluster.yaml", own_cluster);
  // A message takes 20 us and goes at 2 GB/s.
  write(scratch.path() / "my.collectives.csv", own_collectives("in-process", "sendrecv", 20, 2e3));
  const Answer fitted = forerun_says("fit my.collectives.csv --out ranks.yaml", scratch.path());
  ASSERT_EQ(fitted.code, 0) << fitted.err;
  const std::string calibration = read_text(scratch.path() / "ranks.yaml");
  EXPECT_THAT(calibration, AllOf(HasSubstr("generation: host"), HasSubstr("library: \"in-process\"")));
  EXPECT_NEAR(number_after(calibration, "send", "rate"), 0.4, 0.02);
}

}  // namespace
}  // namespace forerun
