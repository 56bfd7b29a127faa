// Are predicted steps and memory right, against published runs?
#include <gtest/gtest.h>

#include <cstdio>

#include "studies/validation_report.hpp"

namespace forerun {
namespace {

const TrainingValidation& runs() {
  static const auto validation = validate_training(FORERUN_ROOT "/tests/validation/data/training_runs.csv");
  EXPECT_TRUE(validation) << to_string(validation.error());
  return *validation;
}

TEST(PublishedTrainingRuns, EveryStatedRunIsScoredOrSkippedForAKnownReason) {
  std::puts(to_text(runs(), 140).c_str());
  for (const SkippedRun& run : runs().skipped) {
    const bool known = run.reason == "mixture not in the catalogue" ||
                       run.reason.starts_with("not stated: ");
    EXPECT_TRUE(known) << run.run_id << ": " << run.reason;
  }
  EXPECT_EQ(runs().scored + runs().skipped.size(), runs().rows);
}

TEST(PublishedTrainingRuns, StepTimes) {
  EXPECT_LE(runs().mean_over_sources.value(), 0.25);
  bool found = false;
  for (const NamedErrors& source : runs().by_source) {
    if (!source.name.starts_with("Korthikanti")) continue;
    found = true;
    EXPECT_LE(source.errors.mape, 0.10);
  }
  EXPECT_TRUE(found);
}

TEST(PublishedTrainingRuns, PeakMemory) { EXPECT_LE(runs().memory_overall.errors.mape, 0.15); }

}  // namespace
}  // namespace forerun
