// Is every plan that contradicts itself, the model or the machine refused, with its reason?
#include "strategies/plan/check_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "strategies/plan/plan_remarks.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

using testing::HasSubstr;

const Job job{.sequence = 1024, .global_batch = 32};

Scenario dense(int gpus) { return test::scenario(test::small_dense(), "dgx-h100", gpus, job); }
Scenario mixture(int gpus) { return test::scenario(test::small_mixture(), "dgx-h100", gpus, job); }

// The one reason that the plan is refused for.
std::string reason(const Scenario& given, const Plan& plan) {
  const Problems problems = check_plan(given, plan);
  EXPECT_EQ(problems.size(), 1U) << to_string(problems);
  EXPECT_FALSE(is_valid(given, plan));
  if (problems.empty()) return "";
  EXPECT_NE(problems[0].hint, "") << "says what would be valid";
  return problems[0].message;
}

void expect_valid(const Scenario& given, const Plan& plan) {
  EXPECT_EQ(to_string(check_plan(given, plan)), "");
  EXPECT_TRUE(is_valid(given, plan));
}

TEST(CheckPlan, AcceptsWhatMakesSense) {
  expect_valid(dense(1), {});
  expect_valid(dense(8), {.tp = 2, .sp = true, .cp = 2, .pp = 2, .zero = 1});
  expect_valid(dense(8), {.pp = 2, .virtual_stages = 4, .schedule = ScheduleKind::interleaved, .dp = 4});
  expect_valid(dense(8), {.pp = 2, .schedule = ScheduleKind::gpipe, .dp = 4, .micro_batch = 8});
  expect_valid(dense(8), {.dp = 8, .zero = 3});
  expect_valid(mixture(8), {.tp = 2, .sp = true, .ep = 8, .dp = 4, .zero = 1});
  expect_valid(
      dense(4),
      {.pp = 4, .cut = StageCut::list, .stages = {{.blocks = 3}, {.blocks = 0}, {.blocks = 4}, {.blocks = 1}}});
}

TEST(CheckPlan, RefusesOptionsWithoutAMeaning) {
  EXPECT_THAT(reason(dense(8), {.schedule = ScheduleKind::gpipe, .dp = 8}),
              HasSubstr("schedule gpipe without a pipeline"));
  EXPECT_THAT(reason(dense(8), {.cut = StageCut::even_with_ends, .dp = 8}),
              HasSubstr("even_with_ends without a pipeline"));
  EXPECT_THAT(reason(dense(8), {.dp = 8, .overlap = {.ep = true}}),
              HasSubstr("cannot overlap it"));  // megatron-core exposes its exchanges
  expect_valid(dense(8), {.dp = 8, .overlap = {.ep = false, .dp = true}});
}

TEST(CheckStack, RefusesWhatTheSoftwareDoesNotHave) {
  Scenario fsdp = dense(8);
  fsdp.stack = *find_stack("pytorch-fsdp");
  const Plan megatron{.tp = 2, .pp = 2, .dp = 2, .zero = 1};
  EXPECT_EQ(check_stack(fsdp, megatron).size(), 3U) << "tp, pp and the level of ZeRO, all at once";
  EXPECT_FALSE(supports(fsdp, megatron));
  EXPECT_TRUE(supports(fsdp, {.dp = 8, .zero = 3}));
  EXPECT_TRUE(supports(fsdp, {}));  // one device has nothing to shard over
  EXPECT_TRUE(supports(dense(8), megatron));
}

TEST(CheckPlan, CountsDevices) {
  EXPECT_EQ(reason(dense(8), {.tp = 2, .cp = 2, .dp = 4}),
            "tp 2 x cp 2 x dp 4 x pp 1 = 16 devices, but the cluster has 8");
  constexpr int huge = 1 << 20;
  EXPECT_THAT(reason(dense(8), {.tp = huge, .cp = huge, .pp = huge, .dp = huge}), HasSubstr("but the cluster has 8"));
}

TEST(CheckPlan, WantsExpertGroupsInsideTheRanks) {
  EXPECT_THAT(reason(mixture(8), {.pp = 2, .ep = 8, .dp = 4}), HasSubstr("ep 8 does not divide tp x cp x dp = 4"));
}

TEST(CheckPlan, WantsWholeMicroBatches) {
  EXPECT_THAT(reason(dense(8), {.dp = 8, .micro_batch = 3}),
              HasSubstr("global batch 32 is not a multiple of dp 8 x micro-batch 3"));
}

TEST(CheckPlan, CutsHeadsEvenly) {
  EXPECT_THAT(reason(dense(16), {.tp = 16}), HasSubstr("tp 16 does not divide the 8 attention heads"));
  Scenario grouped = dense(8);
  for (Block& block : grouped.model.blocks) *block.attention() = {.heads = 24, .kv_heads = 6, .head_dim = 64};
  EXPECT_THAT(reason(grouped, {.tp = 4, .dp = 2}),
              HasSubstr("tp 4 and the 6 key-value heads do not divide each other"));
  for (Block& block : grouped.model.blocks) block.attention()->kv_heads = 2;
  expect_valid(grouped, {.tp = 4, .dp = 2});  // copied
}

TEST(CheckPlan, CutsSequencesEvenly) {
  EXPECT_EQ(reason(dense(8), {.sp = true, .dp = 8}), "sp needs tensor parallelism, but tp is 1");
  Scenario odd = dense(8);
  odd.job.sequence = 1020;
  EXPECT_THAT(reason(odd, {.cp = 8}), HasSubstr("sequence 1020 cannot be cut into the 16 equal pieces"));
  EXPECT_THAT(reason(odd, {.tp = 8, .sp = true}), HasSubstr("not a multiple of tp 8"));
}

TEST(CheckPlan, RefusesRingsOverWindows) {
  Scenario windowed = dense(8);
  windowed.model.blocks[3].attention()->window = 128;
  EXPECT_THAT(reason(windowed, {.cp = 8}), HasSubstr("sliding-window"));
  expect_valid(windowed, {.cp = 8, .cp_kind = CpKind::all_gather});
}

TEST(CheckPlan, WantsExpertsForExpertParallelism) {
  EXPECT_THAT(reason(dense(8), {.ep = 8, .dp = 8}), HasSubstr("small-dense has no experts"));
  EXPECT_THAT(reason(test::scenario(test::small_mixture(), "dgx-h100", 16, job), {.ep = 16, .dp = 16}),
              HasSubstr("ep 16 does not divide the 8 experts"));
  EXPECT_THAT(reason(mixture(8), {.tp = 2, .dp = 4}), HasSubstr("need sp"));
}

TEST(CheckPlan, FillsEveryChunk) {
  EXPECT_THAT(reason(dense(16), {.pp = 16}), HasSubstr("16 chunks (pp 16 x virtual stages 1) for 8 blocks"));
  EXPECT_THAT(reason(dense(16), {.pp = 16, .cut = StageCut::even_with_ends}), HasSubstr("for 10 blocks"));
  EXPECT_THAT(reason(dense(1), {.virtual_stages = 2}), HasSubstr("virtual stages 2 without a pipeline"));
}

TEST(CheckPlan, PairsInterleavingWithVirtualStages) {
  EXPECT_EQ(reason(dense(2), {.pp = 2, .virtual_stages = 2}), "schedule 1f1b with 2 virtual stages");
  EXPECT_EQ(reason(dense(2), {.pp = 2, .schedule = ScheduleKind::interleaved}),
            "schedule interleaved with 1 virtual stage");
  Scenario odd = dense(2);
  odd.job.global_batch = 7;
  EXPECT_THAT(reason(odd, {.pp = 2, .virtual_stages = 2, .schedule = ScheduleKind::interleaved}),
              HasSubstr("7 micro-batches are not a multiple of pp 2"));
}

TEST(CheckPlan, AddsUpListedStages) {
  EXPECT_THAT(reason(dense(2), {.pp = 2, .cut = StageCut::list, .stages = {{.blocks = 4}, {.blocks = 5}}}),
              HasSubstr("2 chunks with 9 blocks"));
  EXPECT_THAT(reason(dense(2), {.pp = 2, .cut = StageCut::list, .stages = {{.blocks = 8}}}),
              HasSubstr("1 chunks with 8 blocks"));
  EXPECT_THAT(reason(dense(2), {.pp = 2, .cut = StageCut::list, .stages = {{.blocks = 9}, {.blocks = -1}}}),
              HasSubstr("stages lists"));
}

TEST(CheckPlan, ShardsOverSomething) {
  expect_valid(dense(8), {.tp = 8, .zero = 1});  // nothing is sharded, which recipes write all the same
  EXPECT_THAT(remarks_on(dense(8), {.tp = 8, .zero = 1}),
              testing::ElementsAre("zero 1 shards over dp x cp, which is 1: nothing is sharded"));
  EXPECT_THAT(reason(mixture(8), {.tp = 8, .sp = true, .zero = 1}), HasSubstr("but experts have copies"));
  expect_valid(dense(8), {.pp = 2, .dp = 4, .zero = 2, .zero_exchange = ZeroExchange::once_a_step});
  EXPECT_THAT(reason(dense(8), {.dp = 8, .zero = 1, .zero_exchange = ZeroExchange::once_a_step}),
              HasSubstr("zero_exchange once_a_step with zero 1"));
  expect_valid(dense(8), {.cp = 8, .zero = 3});
  expect_valid(dense(8), {.pp = 2, .dp = 4, .zero = 2});
}

TEST(CheckPlan, CutsShardingGroupsEvenly) {
  expect_valid(dense(8), {.dp = 8, .zero = 3, .sharding_group = 4});
  EXPECT_THAT(reason(dense(8), {.dp = 8, .zero = 3, .sharding_group = 3}),
              HasSubstr("sharding_group 3 does not divide dp x cp = 8"));
  EXPECT_THAT(reason(dense(8), {.dp = 8, .sharding_group = 4}), HasSubstr("with zero 0, which shards nothing"));
  expect_valid(mixture(8),
               {.ep = 4, .dp = 8, .zero = 1, .sharding_group = 4});  // two copies of each expert: one in each group
  EXPECT_THAT(reason(mixture(8), {.ep = 4, .dp = 8, .zero = 1, .sharding_group = 2}),
              HasSubstr("2 copies of each expert"));
}

TEST(CheckPlan, CutsHeadsForUlysses) {
  expect_valid(dense(8), {.cp = 8, .cp_kind = CpKind::ulysses});
  EXPECT_THAT(reason(dense(16), {.cp = 16, .cp_kind = CpKind::ulysses}),
              HasSubstr("tp 1 x cp 16 (ulysses) does not divide the 8 attention heads"));
}

TEST(CheckPlan, CutsExpertsOverRanksOfAStage) {
  expect_valid(mixture(8), {.etp = 2, .dp = 8});
  EXPECT_THAT(reason(dense(8), {.etp = 2, .dp = 8}), HasSubstr("etp 2, but small-dense has no experts"));
  EXPECT_THAT(reason(mixture(8), {.ep = 8, .etp = 2, .dp = 8}),
              HasSubstr("ep 8 x etp 2 does not divide tp x cp x dp = 8"));
  Scenario skewed = mixture(8);
  skewed.job.expert_skew = 5;
  EXPECT_THAT(reason(skewed, {.ep = 4, .dp = 8}),
              HasSubstr("expert_skew 5: one of 4 ranks cannot draw more than all rows"));
  EXPECT_THAT(reason(skewed, {.dp = 8}), HasSubstr("expert_skew 5, but with ep 1"));
  skewed.job.expert_skew = 1;
  expect_valid(skewed, {.dp = 8});
}

TEST(CheckPlan, KnowsWhatSchedulesNeed) {
  for (const auto schedule :
       {ScheduleKind::zb_h1, ScheduleKind::zb_h2, ScheduleKind::zb_auto, ScheduleKind::dualpipe}) {
    expect_valid(dense(8), {.pp = 2, .schedule = schedule, .dp = 4});
    EXPECT_THAT(reason(dense(8), {.pp = 2, .virtual_stages = 2, .schedule = schedule, .dp = 4}),
                HasSubstr("with 2 virtual stages"));
  }
  expect_valid(dense(8), {.pp = 2, .virtual_stages = 2, .schedule = ScheduleKind::zb_v, .dp = 4});
  EXPECT_THAT(reason(dense(8), {.pp = 2, .schedule = ScheduleKind::zb_v, .dp = 4}),
              HasSubstr("schedule zb-v with 1 virtual stage"));
  Scenario few = dense(8);
  few.job.global_batch = 14;
  EXPECT_THAT(reason(few, {.pp = 8, .schedule = ScheduleKind::dualpipe}), HasSubstr("14 micro-batches"));
  Plan limited{.pp = 2, .dp = 4};
  limited.activation_limit = 2;
  EXPECT_THAT(reason(dense(8), limited), HasSubstr("activation_limit 2 without schedule zb-auto"));
}

TEST(CheckPlan, RefusesByNameWhatIsNotModelled) {
  EXPECT_THAT(reason(dense(2), {.pp = 2, .cut = StageCut::list, .stages = {{.blocks = 4, .tp = 2}, {.blocks = 4}}}),
              HasSubstr("own tp, micro_batch or device"));
}

TEST(CheckPlan, ReportsEverythingAtOnce) {
  const Problems problems =
      check_plan(dense(8), {.tp = 3, .sp = false, .pp = 2, .ep = 2, .dp = 5, .zero = 3, .sharding_group = 4});
  const std::string all = to_string(problems);
  for (const char* part : {"= 30 devices", "ep 2 does not divide", "global batch 32", "tp 3 does not divide the 8",
                           "has no experts", "sharding_group 4"})
    EXPECT_THAT(all, HasSubstr(part));
  EXPECT_EQ(problems.size(), 6U) << all;
}

// A walk over many plans, sensible and not: the fast answer is the one with texts.
TEST(CheckPlan, AgreesWithItsFastForm) {
  int valid = 0, invalid = 0;
  for (const Scenario& given : {dense(8), mixture(8)}) {
    for (int code = 0; code < 4 * 2 * 3 * 4 * 3 * 4 * 4 * 4; ++code) {
      int rest = code;
      const auto digit = [&rest](int base) { return std::exchange(rest, rest / base) % base; };
      Plan plan;
      plan.tp = 1 << digit(4), plan.sp = digit(2) == 1, plan.cp = 1 << digit(3), plan.pp = 1 << digit(4),
      plan.virtual_stages = 1 + digit(3);
      plan.schedule = static_cast<ScheduleKind>(digit(4)), plan.ep = 1 << digit(4), plan.zero = digit(4);
      plan.dp = std::max(1, given.gpus / (plan.tp * plan.cp * plan.pp));
      EXPECT_EQ(check_plan(given, plan).empty(), is_valid(given, plan)) << summary(plan);
      ++(is_valid(given, plan) ? valid : invalid);
    }
  }
  EXPECT_GT(valid, 50);
  EXPECT_GT(invalid, 50);
}

TEST(SuitsModel, IsThePartOfTheSplit) {
  EXPECT_TRUE(suits_model(dense(8), {.tp = 8, .sp = true}));
  EXPECT_FALSE(suits_model(dense(8), {.tp = 16}));
  EXPECT_FALSE(suits_model(dense(8), {.sp = true}));
  EXPECT_FALSE(suits_model(mixture(8), {.ep = 3}));
  EXPECT_TRUE(suits_model(mixture(8), {.ep = 8}));
}

}  // namespace
}  // namespace forerun
