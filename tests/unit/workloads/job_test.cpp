// Is a job read as written, and refused with a reason where it cannot be priced?
#include "workloads/jobs/job_fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/yaml.hpp"

namespace forerun {
namespace {

using testing::HasSubstr;

Job job(const std::string& text) {
  const auto document = YamlDocument::parse(text, "job.yaml");
  const Job read = job_fields().read(document->root());
  EXPECT_TRUE(document->problems().empty()) << to_string(document->problems());
  return read;
}

std::string problems(const std::string& text) {
  const auto document = YamlDocument::parse(text, "job.yaml");
  static_cast<void>(job_fields().read(document->root()));
  return to_string(document->problems());
}

TEST(Job, IsReadAsWritten) {
  const Job expected{.kind = JobKind::finetune,
                     .sequence = 8192,
                     .global_batch = 128,
                     .dtype = DType::fp8,
                     .optimizer = Optimizer::momentum};
  EXPECT_EQ(job("{kind: finetune, tuning: full, sequence: 8192, global_batch: 128, dtype: fp8, optimizer: momentum}"),
            expected);
}

TEST(Job, HasUsualDefaults) {
  EXPECT_EQ(job("{sequence: 16, global_batch: 2}"),
            (Job{.sequence = 16, .global_batch = 2, .dtype = DType::bf16, .optimizer = Optimizer::adamw}));
}

TEST(Job, CountsTokensBeyondThirtyTwoBits) {
  EXPECT_EQ(tokens_per_step({.sequence = 1 << 20, .global_batch = 1 << 20}), std::int64_t{1} << 40);
}

TEST(Job, ThatIsNotModelledIsRefusedByName) {
  EXPECT_THAT(problems("{kind: serve, sequence: 16, global_batch: 2}"),
              HasSubstr("job.yaml:1:8: error: jobs of kind 'serve' are not modelled yet"));
  EXPECT_THAT(problems("{kind: rl, sequence: 16, global_batch: 2}"), HasSubstr("'rl' are not modelled yet"));
}

TEST(Job, ReportsEveryMistakeAtOnce) {
  const std::string all = problems("{sequence: 0, dtype: bf61, optimiser: adamw}");
  EXPECT_THAT(all, HasSubstr("1:12"));                // sequence below one
  EXPECT_THAT(all, HasSubstr("global_batch"));        // missing
  EXPECT_THAT(all, HasSubstr("did you mean 'bf16'?"));
  EXPECT_THAT(all, HasSubstr("did you mean 'optimizer'?"));
}

TEST(Job, OptimizersKeepZeroOneOrTwoMoments) {
  EXPECT_EQ(moments(Optimizer::sgd), 0);
  EXPECT_EQ(moments(Optimizer::momentum), 1);
  EXPECT_EQ(moments(Optimizer::adamw), 2);
}

}  // namespace
}  // namespace forerun
