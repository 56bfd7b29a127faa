// Can a person fit a calibration from timings and score kernels with it?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"

namespace forerun {
namespace {

const std::string header = "source,gpu,dtype,kind,m,n,k,time_us,notes\n";

// 40 products that take 10 us and 1 us for each 100 x 1024 elements.
std::string samples(const std::string& gpu) {
  std::string text;
  for (int i = 1; i <= 40; ++i) {
    const int wide = 1 + i % 2;
    text += "me," + gpu + ",bf16,gemm," + std::to_string(100 * i) + "," + std::to_string(1024 * wide) + ",1024," +
            std::to_string(10 + i * wide) + ",mine\n";
  }
  return text;
}

void write(const std::filesystem::path& path, const std::string& text) { std::ofstream(path) << text; }

TEST(Fit, WritesACalibrationThatValidateReads) {
  const Scratch scratch;
  write(scratch.path() / "s.csv", header + samples("A100"));
  const Answer fitted = forerun_says("fit s.csv --out c.yaml --date 2026-01-02", scratch.path());
  EXPECT_EQ(fitted.code, 0) << fitted.err;
  EXPECT_THAT(fitted.out, testing::HasSubstr("a100-sxm-80gb"));
  EXPECT_THAT(read_text(scratch.path() / "c.yaml"), testing::HasSubstr("date: \"2026-01-02\""));
  const Answer scored = forerun_says("validate kernels s.csv --calibration c.yaml --left-out --json", scratch.path());
  EXPECT_EQ(scored.code, 0) << scored.err;
  const auto json = nlohmann::json::parse(scored.out);
  ASSERT_EQ(json["groups"].size(), 1U);
  const auto& group = json["groups"][0];
  EXPECT_EQ(group["n"], 40);
  EXPECT_EQ(group["evidence"], "fitted");
  EXPECT_LT(group["median"], 0.1);
  for (const char* key : {"source", "gpu", "dtype", "kind", "p90", "sum_ratio", "in_band", "left_out"})
    EXPECT_TRUE(group.contains(key)) << key;
}

TEST(Fit, SeveralDevicesNeedAFolder) {
  const Scratch scratch;
  write(scratch.path() / "s.csv", header + samples("A100") + samples("H100"));
  const Answer refused = forerun_says("fit s.csv --out c.yaml", scratch.path());
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, testing::HasSubstr("--out c/"));
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "c.yaml"));
  EXPECT_EQ(forerun_says("fit s.csv --out c/", scratch.path()).code, 0);
  EXPECT_TRUE(std::filesystem::exists(scratch.path() / "c/h100-sxm-80gb.yaml"));
}

TEST(Fit, TooFewRowsAreAProblem) {
  const Scratch scratch;
  write(scratch.path() / "s.csv", header + "me,A100,bf16,gemm,1,1,1,5,mine\n");
  const Answer refused = forerun_says("fit s.csv --out c.yaml", scratch.path());
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, testing::HasSubstr("at least 20"));
}

TEST(ValidateKernels, SaysAllThatIsWrongWithAFile) {
  const Scratch scratch;
  write(scratch.path() / "s.csv", header + "me,A1000,bf16,gemm,1,1,1,5,mine\nme,A100,bf16,gemm,1,1,x,0,mine\n");
  const Answer refused = forerun_says("validate kernels s.csv --only-device b200", scratch.path());
  EXPECT_EQ(refused.code, 2);
  for (const char* part : {"s.csv:2:4", "s.csv:3:23", "s.csv:3:25", "no calibration of b200-sxm-180gb is shipped"}) {
    EXPECT_THAT(refused.err, testing::HasSubstr(part));
  }
}

// The same products under two names; the second with the kernel that it called.
TEST(ValidateKernels, ScoresLongRowsByLibrary) {
  const Scratch scratch;
  std::string text = header + samples("A100"), others = samples("A100");
  for (std::size_t at = others.find(",mine"); at != std::string::npos; at = others.find(",mine", at + 1))
    others.replace(at, 5, ",a-1/k");
  write(scratch.path() / "s.csv", text + others);
  const Answer scored = forerun_says("validate kernels s.csv --over 25us --by library --json", scratch.path());
  ASSERT_EQ(scored.code, 0) << scored.err;
  const auto json = nlohmann::json::parse(scored.out);
  int longer = 0;
  for (int i = 1; i <= 40; ++i) longer += 10 + i * (1 + i % 2) > 25 ? 1 : 0;
  ASSERT_EQ(json["groups"].size(), 2U);
  EXPECT_EQ(json["rows"], 2 * longer);
  EXPECT_EQ(json["groups"][0]["library"], "a-1");
  EXPECT_EQ(json["groups"][1]["library"], "mine");
  EXPECT_EQ(json["groups"][1]["n"], longer);
  EXPECT_THAT(forerun_says("validate kernels s.csv --over 25us --by library", scratch.path()).out,
              testing::HasSubstr("library"));
  for (const char* wrong : {"--over 25", "--over 1h", "--by lab"})
    EXPECT_EQ(forerun_says(std::string("validate kernels s.csv ") + wrong, scratch.path()).code, 2) << wrong;
}

}  // namespace
}  // namespace forerun
