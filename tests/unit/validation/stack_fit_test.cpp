// Does fitting a stack to runs find what their software really does?
#include <gtest/gtest.h>

#include "tests/support/stack_runs.hpp"
#include "validation/training/stack_fit.hpp"

namespace forerun {
namespace {

using test::runs_of;

TEST(StackFit, FindsWhatTheRunsWereMadeWith) {
  const Stack stated = *find_stated_stack("megatron-lm");
  Stack truth = stated;
  truth.reach.gemm = 0.9;
  truth.host_per_kernel = Seconds{30e-6};
  truth.host_per_step = Seconds{5e-3};
  const auto fit =
      fit_stack(stated, runs_of(truth),
                {.parameters = {"reach.gemm", "host.per_kernel", "host.per_step"}, .leave_out = true, .prior = 0});
  ASSERT_TRUE(fit) << to_string(fit.error());
  EXPECT_EQ(fit->runs, 36U);
  EXPECT_EQ(fit->groups, 3U);
  EXPECT_EQ(fit->families, std::vector<std::string>{"ampere"});
  EXPECT_GT(fit->before.mape, 0.02);
  EXPECT_LT(fit->after.mape, 0.002);
  ASSERT_TRUE(fit->left_out);
  EXPECT_LT(fit->left_out->errors.mape, 0.01);
  EXPECT_NEAR(fit->stack.reach.gemm, 0.9, 0.01);
  EXPECT_NEAR(fit->stack.host_per_kernel.value(), 30e-6, 1e-6);
  EXPECT_NEAR(fit->stack.host_per_step.value(), 5e-3, 5e-4);
}

TEST(StackFit, StaysWithTheStatedValueWhereRunsSayNothing) {
  const Stack stated = *find_stated_stack("megatron-lm");
  const auto fit =
      fit_stack(stated, runs_of(stated), {.parameters = {"overlap.zero3", "reach.gemm"}});  // no run shards parameters
  ASSERT_TRUE(fit);
  EXPECT_NEAR(fit->stack.reach.gemm, 1, 1e-3);
  EXPECT_EQ(fit->runs, 36U);
}

// One model took 30 % longer than the stack that made the others: a fit that sees it bends towards it, one that does
// not misses it by 1 - 1 / 1.3.
TEST(StackFit, AModelLikeNoOtherIsWorseLeftOutThanInSample) {
  const Stack stated = *find_stated_stack("megatron-lm");
  std::vector<TrainingRow> rows = runs_of(stated);
  for (TrainingRow& r : rows) {
    if (*r.layers == 12) r.step_time = 1.3 * *r.step_time;
  }
  const auto fit = fit_stack(stated, rows, {.parameters = {"reach.gemm", "host.per_kernel"}, .prior = 0});
  ASSERT_TRUE(fit && fit->left_out);
  EXPECT_GT(fit->left_out->errors.mape, 1.2 * fit->after.mape);
  EXPECT_GE(fit->left_out->errors.worst, 0.2);
  EXPECT_GT(fit->left_out->spread, 0.1);
}

TEST(StackFit, OfOneModelHasNoLeftOutScoreAndNoSpread) {
  const Stack stated = *find_stated_stack("megatron-lm");
  std::vector<TrainingRow> rows = runs_of(stated);
  std::erase_if(rows, [](const TrainingRow& r) { return r.layers != 4; });
  const auto fit = fit_stack(stated, rows, {.parameters = {"reach.gemm"}});
  ASSERT_TRUE(fit);
  EXPECT_EQ(fit->groups, 1U);
  EXPECT_FALSE(fit->left_out);
  const StackFitRecord record = record_of(*fit, "today");
  EXPECT_FALSE(record.left_out);
  EXPECT_FALSE(record.spread);
}

TEST(StackFit, OneModelOfTwoSourcesAndNamesIsStillOneModel) {
  const Stack stated = *find_stated_stack("megatron-lm");
  std::vector<TrainingRow> rows = runs_of(stated);
  std::erase_if(rows, [](const TrainingRow& r) { return r.layers != 4; });
  for (std::size_t i = 0; i < rows.size(); i += 2) rows[i].source = "elsewhere", rows[i].model = "another name";
  const auto fit = fit_stack(stated, rows, {.parameters = {"reach.gemm"}});
  ASSERT_TRUE(fit);
  EXPECT_EQ(fit->sources.size(), 2U);
  EXPECT_EQ(fit->groups, 1U);
  EXPECT_FALSE(fit->left_out);
}

// One source says 1.5 times as long, the other 1.3 times as fast: far outside the scale of the loss.
TEST(StackFit, ASourceThatSaysEverythingThreeTimesCountsOnce) {
  const Stack stated = *find_stated_stack("megatron-lm");
  std::vector<TrainingRow> rows = runs_of(stated);
  for (TrainingRow& r : rows) {
    r.source = *r.layers == 4 ? "slow" : "fast";
    r.step_time = (*r.layers == 4 ? 1.5 : 1 / 1.3) * *r.step_time;
  }
  std::vector<TrainingRow> more = rows;
  for (const TrainingRow& r : rows) {
    if (r.source == "slow") more.insert(more.end(), 2, r);
  }
  const StackFitOptions options{.parameters = {"reach.gemm"}, .leave_out = false, .prior = 0};
  EXPECT_NEAR(fit_stack(stated, rows, options)->stack.reach.gemm, fit_stack(stated, more, options)->stack.reach.gemm,
              1e-3);
}

TEST(StackFit, OfChosenRunsSaysHowManyItDropped) {
  const Stack stated = *find_stated_stack("megatron-lm");
  const auto fit = fit_stack(
      stated, runs_of(stated),
      {.parameters = {"reach.gemm"}, .where = *parse_conditions("tp <= 2 and layers != 4"), .leave_out = false});
  ASSERT_TRUE(fit);
  EXPECT_EQ(fit->runs, 12U);  // two of four splits, two of three models, three micro-batches
  EXPECT_EQ(fit->dropped, 24U);
  const StackFitRecord record = record_of(*fit, "today");
  EXPECT_EQ(record.where, (std::vector<std::string>{"tp <= 2", "layers != 4"}));
  EXPECT_EQ(record.dropped, 24U);
  EXPECT_FALSE(
      fit_stack(stated, runs_of(stated), {.parameters = {"reach.gemm"}, .where = *parse_conditions("tp = 3")}));
}

TEST(StackFit, NamesUnknownParametersAndStacksWithoutRuns) {
  const Stack stated = *find_stated_stack("megatron-lm");
  const auto unknown = fit_stack(stated, runs_of(stated), {.parameters = {"host.per_kernle", "nothing"}});
  ASSERT_FALSE(unknown);
  ASSERT_EQ(unknown.error().size(), 2U);
  EXPECT_NE(unknown.error()[0].hint.find("host.per_kernel"), std::string::npos);
  const auto twice = fit_stack(stated, runs_of(stated), {.parameters = {"reach.gemm", "host.per_step", "reach.gemm"}});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().front().message, "the parameter 'reach.gemm' is named twice");
  EXPECT_FALSE(fit_stack(*find_stack("nemo"), runs_of(stated), {.parameters = {"reach.gemm"}}));
}

}  // namespace
}  // namespace forerun
