// Can a person fit a software stack to runs of their own, and see what the fit is worth?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/program.hpp"

namespace forerun {
namespace {

using testing::HasSubstr;
using testing::Not;

// Four runs of each model on one to eight A100.
std::string runs(std::initializer_list<int> layers) {
  std::string text =
      "run_id,source,stack,model,gpu,dtype,recompute,layers,hidden,heads,vocab,seq,global_batch,micro_batch,gpus,tp,sp,"
      "pp,dp,zero,step_time_s\n";
  for (const int n : layers) {
    for (const int gpus : {1, 2, 4, 8}) {
      const std::string each = std::to_string(gpus);
      text += each + ",mine,megatron-lm,m,a100,bf16,none," + std::to_string(n) + ",1024,8,51200,2048,32,1," + each +
              ",1,0,1," + each + ",0," + std::to_string(0.5 * n / gpus) + "\n";
    }
  }
  return text;
}

Answer fit_of(const Scratch& scratch, const std::string& csv, const std::string& flags) {
  std::ofstream(scratch.path() / "runs.csv") << csv;
  return forerun_says("fit runs.csv --stack megatron-lm --out mine.yaml " + flags, scratch.path());
}

TEST(FitStack, WritesAFileWithItsScoreOnModelsLeftOut) {
  const Scratch scratch;
  const Answer fitted = fit_of(scratch, runs({4, 8}), "--parameters reach.gemm,host.per_kernel");
  EXPECT_EQ(fitted.code, 0) << fitted.err;
  EXPECT_THAT(fitted.out, HasSubstr("left out"));
  const std::string text = read_text(scratch.path() / "mine.yaml");
  EXPECT_THAT(text, HasSubstr("parameters: [reach.gemm, host.per_kernel]"));
  EXPECT_THAT(text, HasSubstr("families: [ampere]"));
  EXPECT_THAT(text, HasSubstr("spread:"));
}

TEST(FitStack, OfOneModelHasNoLeftOutScore) {
  const Scratch scratch;
  const Answer fitted = fit_of(scratch, runs({4}), "--parameters reach.gemm");
  EXPECT_EQ(fitted.code, 0) << fitted.err;
  EXPECT_THAT(fitted.out, HasSubstr("one model: no left-out score"));
  EXPECT_THAT(read_text(scratch.path() / "mine.yaml"), Not(HasSubstr("left_out")));
}

TEST(FitStack, WritesOnlyWhatItCanReadAgain) {
  const Scratch scratch;
  const Answer odd = fit_of(scratch, runs({4}), "--parameters reach.gemm --date 'a \"b\": [c'");
  EXPECT_EQ(odd.code, 0) << odd.err;
  EXPECT_EQ(
      forerun_says("fit runs.csv --stack mine.yaml --out again.yaml --parameters reach.gemm", scratch.path()).code, 0);
  const Answer twice = fit_of(scratch, runs({4}), "--parameters reach.gemm,reach.gemm");
  EXPECT_EQ(twice.code, 2);
  EXPECT_THAT(twice.err, HasSubstr("'reach.gemm' is named twice"));
}

TEST(FitStack, ChoosesRowsAndKeepsHow) {
  const Scratch scratch;
  const Answer fitted = fit_of(scratch, runs({4, 8}), "--parameters reach.gemm --where 'gpus <= 4 and layers = 8'");
  EXPECT_EQ(fitted.code, 0) << fitted.err;
  EXPECT_THAT(fitted.out, HasSubstr("3 runs of megatron-lm, 1 model; 5 runs not chosen"));
  EXPECT_THAT(read_text(scratch.path() / "mine.yaml"),
              HasSubstr("where: [\"gpus <= 4\", \"layers = 8\"]\n  dropped: 5\n"));
  const Answer refused = fit_of(scratch, runs({4}), "--where 'gpu_s <= 4' --where 'tp'");
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("did you mean 'gpus'?"));
  EXPECT_THAT(refused.err, HasSubstr("cannot read the condition 'tp'"));
}

// Of two models the one took ten times as long as the other did a layer: what is learned from one is wrong of the
// other.
TEST(FitStack, SaysLoudlyWhereItHelpsNoUnseenModel) {
  const Scratch scratch;
  std::string csv = runs({4});
  const std::string slow = runs({8});
  for (std::size_t at = slow.find('\n') + 1; at < slow.size(); at = slow.find('\n', at) + 1) {
    const std::string line = slow.substr(at, slow.find('\n', at) - at);
    const std::size_t comma = line.rfind(',');
    csv += line.substr(0, comma + 1) + std::to_string(0.05 * std::stod(line.substr(comma + 1))) + "\n";
  }
  const Answer fitted = fit_of(scratch, csv, "--parameters reach.gemm,reach.attention,reach.streaming,host.per_kernel");
  EXPECT_EQ(fitted.code, 0) << fitted.err;
  EXPECT_THAT(fitted.out, HasSubstr("fitted values predict unseen models worse than the stated ones"));
}

}  // namespace
}  // namespace forerun
