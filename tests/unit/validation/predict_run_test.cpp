// What is taken to be recomputed where a run does not say?
#include "validation/training/predict_run.hpp"

#include <gtest/gtest.h>

#include "tests/support/stack_runs.hpp"

namespace forerun {
namespace {

// On eight A100 of 80 GB, data parallel: 16 bytes and more of states for each of 12 layers x 12 x hidden^2 parameters.
Estimate prediction(int hidden, int micro_batch, const std::string& recompute) {
  TrainingRow row = test::stack_row(12, 1, micro_batch);
  row.hidden = hidden, row.heads = hidden / 128, row.global_batch = 8 * micro_batch, row.recompute = recompute;
  RunReader reader = *RunReader::make();
  const ReadRun run = reader.read(row);
  EXPECT_EQ(run.skipped, "");
  return predict(ClosedFormContext(*price(run.scenario)), run);
}

TEST(UnstatedRecompute, IsTheLeastThatFits) {
  EXPECT_EQ(prediction(2048, 1, "").breakdown.recompute, Seconds{0});
  ASSERT_FALSE(prediction(3072, 24, "selective").memory.fits());
  EXPECT_EQ(prediction(3072, 24, "").breakdown.recompute, prediction(3072, 24, "full").breakdown.recompute);
  EXPECT_TRUE(prediction(3072, 24, "").memory.fits());
}

// 12 x 12 x 8192^2 = 9.7 G parameters need twice the memory before anything is saved: that it ran with everything
// recomputed explains nothing.
TEST(UnstatedRecompute, IsNoneWhereNothingFits) {
  const Estimate e = prediction(8192, 1, "");
  EXPECT_FALSE(e.memory.fits());
  EXPECT_EQ(e.breakdown.recompute, Seconds{0});
}

}  // namespace
}  // namespace forerun
