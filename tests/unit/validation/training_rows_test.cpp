// Does a file of measured runs become rows, and does a wrong file say where and what?
#include "validation/training/training_rows.hpp"

#include <gmock/gmock.h>

namespace forerun {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string header =
    "run_id,source,stack,model,gpu,layers,hidden,heads,seq,global_batch,micro_batch,gpus,tp,pp,dp,step_time_s,peak_"
    "memory_gib,fits\n";

TEST(TrainingRows, ReadsNumbersAndLeavesEmptyCellsUnstated) {
  const auto rows =
      parse_training_rows(header + "r1,s,megatron-core,GPT,a100,24,1024,16,1024,8,,2,1,1,2,0.5,2,\n", "f.csv");
  ASSERT_TRUE(rows) << to_string(rows.error());
  const TrainingRow& row = rows->at(0);
  EXPECT_EQ(row.layers, 24);
  EXPECT_EQ(row.step_time, Seconds{0.5});
  EXPECT_EQ(row.peak_memory, Bytes{2.0 * 1024 * 1024 * 1024});
  EXPECT_FALSE(row.out_of_memory);
  EXPECT_FALSE(row.cp);  // the file has no such column
  EXPECT_THAT(unstated(row), ElementsAre("micro_batch"));
}

TEST(TrainingRows, FitsNoMeansOutOfMemory) {
  const auto rows = parse_training_rows(header + "r1,s,x,GPT,a100,24,1024,16,1024,8,4,2,1,1,2,,,no\n", "f.csv");
  ASSERT_TRUE(rows);
  EXPECT_TRUE(rows->at(0).out_of_memory);
  EXPECT_FALSE(rows->at(0).step_time);
}

TEST(TrainingRows, AllMissingColumnsAreNamedAtOnce) {
  const auto rows = parse_training_rows(
      "run_id,source,stack,model,gpu,layers,hidden,heads,seq,global_batch,gpus,tp,dp,step_time_s\nr,,,,,,,,,,,,,\n",
      "f.csv");
  ASSERT_FALSE(rows);
  ASSERT_EQ(rows.error().size(), 1U);
  EXPECT_EQ(rows.error()[0].message, "missing columns: micro_batch, pp");
}

TEST(TrainingRows, AWrongNumberSaysFileLineAndColumn) {
  const auto rows = parse_training_rows(header + "r1,s,x,GPT,a100,24,10x4,16,1024,8,4,2,1,1,2,-1,,maybe\n", "f.csv");
  ASSERT_FALSE(rows);
  ASSERT_EQ(rows.error().size(), 2U);
  EXPECT_EQ(rows.error()[0].at, (Position{"f.csv", 2, 20}));  // after "r1,s,x,GPT,a100,24,"
  EXPECT_THAT(rows.error()[0].message, HasSubstr("'10x4' is not a value for 'hidden'"));
  EXPECT_THAT(rows.error()[1].message, HasSubstr("'step_time_s'"));
}

TEST(TrainingRows, NumbersBeyondAnyMachineAreRefused) {
  const auto rows =
      parse_training_rows(header + "r1,s,x,GPT,a100,24,1024,16,1024,8,4,99999999999999,1,1,0,1,,\n", "f.csv");
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().size(), 2U);  // gpus too large, dp zero
}

}  // namespace
}  // namespace forerun
