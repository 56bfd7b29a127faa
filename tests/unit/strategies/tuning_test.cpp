// Does a fine-tuning job hold, exchange and wait for what it trains, and for the frozen base only what that needs?
#include "workloads/jobs/tuning.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "strategies/plan/check_plan.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

using testing::HasSubstr;
using enum LowRankTarget;

constexpr double gib = 1 << 30, mib = 1 << 20;

Bytes states(const StageMemory& m) { return m.parameters + m.gradients + m.optimizer; }

Job tuned(const Tuning& tuning, Job job = {.sequence = 4096, .global_batch = 1, .dtype = DType::fp16}) {
  job.kind = JobKind::finetune, job.tuning = tuning;
  return job;
}

// E70: M7 has 32 x 12 x 4096^2 parameters = 6 Gi; 16 bytes each, or 2 and 16 for those of rank-16 factors beside
// queries, keys and values.
TEST(CourseTuning, ModelStatesOfM7) {
  const auto m7 = [](const Tuning& tuning) {
    return states(test::memory_of(test::course_scenario(1, tuned(tuning)), {}).peak()).value();
  };
  const double factors = 32.0 * 3 * (4096 * 16 + 16 * 4096);  // 12.58 M
  EXPECT_EQ(2 * factors, 12.0 * 32 * 4096 * 16);              // F3: 12 x layers x D x R bytes of weights
  EXPECT_EQ(m7({}), 96 * gib);
  EXPECT_EQ(m7({.kind = TuningKind::lora, .rank = 16, .target = {q_proj, k_proj, v_proj}}),
            12 * gib + 16 * factors);  // 12.19 GiB
  // 3 GiB, an 8-bit scale for 64 weights (96 MiB), a 32-bit one for 256 scales (1.5 MiB): 3.28 GiB. Without the scales
  // it would be the 3.19 of the exercise.
  const double quantised = 3 * gib + 96 * mib + 1.5 * mib;
  EXPECT_EQ(m7({.kind = TuningKind::qlora, .rank = 16, .target = {q_proj, k_proj, v_proj}}), quantised + 16 * factors);
}

// small_dense: hidden 512, width 2048 gated, vocabulary 4096, untied. A block: 4 x 512^2 + 3 x 512 x 2048 + 2 x 512.
constexpr std::int64_t of_block = 4 * 512 * 512 + 3 * 512 * 2048 + 2 * 512, table = 4096 * 512;

Scenario small(const Tuning& tuning, int gpus = 1, const std::string& stack = "megatron-core") {
  return test::scenario(test::small_dense(4), "dgx-h100", gpus, tuned(tuning, {.sequence = 1024, .global_batch = 8}),
                        stack);
}

const Tuning lora{.kind = TuningKind::lora, .rank = 16, .target = {linear_qkv, linear_fc2}};
constexpr std::int64_t factors = 4 * 16 * ((512 + 3 * 512) + (2048 + 512));

TEST(TuningMemory, OnlyTrainedParametersHaveGradientsAndStates) {
  const StageMemory m = test::memory_of(small(lora), {}).peak();
  EXPECT_EQ(m.parameters.value(), 2.0 * (4 * of_block + 2 * table + 512 + factors));
  EXPECT_EQ(m.gradients.value(), 4.0 * factors);  // fp32
  EXPECT_EQ(m.optimizer.value(), 12.0 * factors);  // master and two moments
}

TEST(TuningMemory, AFrozenBaseOfAnFp8JobIsKeptOnce) {
  Scenario given = small(lora);
  given.job.dtype = DType::fp8;  // the stack keeps 2 bytes in fp8, the weight and its transpose
  const StageMemory m = test::memory_of(given, {}).peak();
  EXPECT_EQ(m.parameters.value(), 2.0 * (4 * of_block + 2 * table + 512) + (2 + 2) * factors);
}

TEST(TuningMemory, LastBlocksAndHead) {
  const StageMemory m = test::memory_of(small({.kind = TuningKind::frozen, .trainable_blocks = 1}), {}).peak();
  EXPECT_EQ(m.parameters.value(), 2.0 * (4 * of_block + 2 * table + 512));
  EXPECT_EQ(m.optimizer.value(), 12.0 * (of_block + table + 512));
}

TEST(TuningMemory, ZeroCutsTheBaseAtLevelThreeAndGathersItByUnit) {
  const StageMemory whole = test::memory_of(small(lora, 8), {.dp = 8, .zero = 2}).peak(),
                    cut = test::memory_of(small(lora, 8), {.dp = 8, .zero = 3}).peak();
  EXPECT_EQ(whole.parameters.value(), 2.0 * (4 * of_block + 2 * table + 512 + factors));
  EXPECT_EQ(cut.parameters.value(), whole.parameters.value() / 8);
  // The peak is in the loss: of the head, and of the block before it, which is gathered meanwhile.
  EXPECT_EQ(cut.gathered.value(), 2.0 * (of_block + factors / 4 + table + 512));
}

TEST(TuningMemory, TheCopyOfAFrozenTableIsFrozen) {
  Scenario given = small(lora, 2);
  given.model.tied_embeddings = true;
  const MemoryUse use = test::memory_of(given, {.pp = 2});
  EXPECT_EQ(use.stages[1].parameters.value(), 2.0 * (2 * of_block + table + 512 + factors / 2));
  EXPECT_EQ(use.stages[1].gradients.value(), 4.0 * factors / 2);
  EXPECT_EQ(estimate(test::priced(given), {.pp = 2}).traffic[Flow::pp_all_reduce].api.value(), 0);
}

TEST(TuningTraffic, ReplicasExchangeFactorsOnly) {
  const Traffic t = estimate(test::priced(small(lora, 8)), {.dp = 8, .zero = 1}).traffic;
  EXPECT_EQ(t[Flow::dp_reduce_scatter].api.value(), 4.0 * factors);
  EXPECT_EQ(t[Flow::dp_all_gather].api.value(), 2.0 * factors);
}

TEST(TuningTraffic, ShardedBasesAreGatheredAndOnlyFactorsScattered) {
  const Traffic t = estimate(test::priced(small(lora, 8)), {.dp = 8, .zero = 3}).traffic;
  const double blocks = 4 * of_block + factors, ends = 2.0 * table + 512;
  EXPECT_EQ(t[Flow::dp_all_gather].api.value(),
            2 * (2 * (blocks + ends) - table));  // forward and backward; nobody wants a gradient of the embedding
  EXPECT_EQ(t[Flow::dp_reduce_scatter].api.value(), 4.0 * factors);
}

TEST(TuningTraffic, CutFactorsExchangeTheirThinSide) {
  const auto all_gathered = [](const Tuning& tuning) {
    return estimate(test::priced(small(tuning, 2)), {.tp = 2, .micro_batch = 8})
        .traffic[Flow::tp_all_gather]
        .api.value();
  };
  const double tokens = 8 * 1024;
  EXPECT_EQ(all_gathered({.kind = TuningKind::lora, .rank = 16, .target = {linear_qkv}}) -
                all_gathered({.kind = TuningKind::adapter, .width = 16}),
            4 * tokens * 16 * 2);
  EXPECT_EQ(all_gathered({.kind = TuningKind::lora, .rank = 16, .target = {linear_fc2}}) -
                all_gathered({.kind = TuningKind::adapter, .width = 16}),
            4 * tokens * 512 * 2);
}

TEST(TuningTime, LessIsTrainedInLessTime) {
  const auto time = [](const Tuning& tuning) {
    return estimate(test::priced(test::course_scenario(1, tuned(tuning))), {}).step.median;
  };
  const Seconds all = time({}), last = time({.kind = TuningKind::frozen, .trainable_blocks = 8, .train_head = false});
  // Forward of 32 blocks and twice that back, of 32 or of 8: 96 against 48, and an update of a quarter.
  EXPECT_NEAR(last / all, 0.5, 0.05);
  const Seconds low_rank = time({.kind = TuningKind::lora, .rank = 16, .target = {q_proj, k_proj, v_proj}});
  EXPECT_LT(low_rank, 0.85 * all);
  EXPECT_GT(time({.kind = TuningKind::qlora, .rank = 16, .target = {q_proj, k_proj, v_proj}}),
            low_rank);  // weights are widened twice
}

TEST(TuningChecks, TheRankMustBeCut) {
  const auto reasons = [](const Tuning& tuning, const Plan& plan) {
    return to_string(check_plan(small(tuning, 8), plan));
  };
  EXPECT_EQ(reasons({.kind = TuningKind::lora, .rank = 8, .target = {linear_qkv}}, {.tp = 8}), "");
  EXPECT_THAT(reasons({.kind = TuningKind::lora, .rank = 12, .target = {linear_qkv}}, {.tp = 8}),
              HasSubstr("tp 8 does not divide the rank 12"));
  EXPECT_EQ(reasons({.kind = TuningKind::lora, .rank = 12, .target = {o_proj}}, {.tp = 8}), "");
}

TEST(TuningDefaults, AreTheStacks) {
  const Tuning stated{.kind = TuningKind::lora, .rank = 4, .target = {o_proj}};
  EXPECT_EQ(completed(stated, *find_stack("torchtune")), stated);
  EXPECT_EQ(completed({.kind = TuningKind::lora}, *find_stack("nemo")),
            (Tuning{.kind = TuningKind::lora, .rank = 16, .target = {linear_qkv}}));
  EXPECT_EQ(completed({}, *find_stack("nemo")), Tuning{});
}

}  // namespace
}  // namespace forerun
