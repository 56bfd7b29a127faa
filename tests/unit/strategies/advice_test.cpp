// When nothing fits, does every change that is proposed make something fit?
#include "strategies/search/advice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "strategies/plan/check_plan.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

using testing::HasSubstr;

const Change* change_with(const Advice& advice, const std::string& words) {
  const auto found = std::ranges::find_if(
      advice.changes, [&](const Change& change) { return change.what.find(words) != std::string::npos; });
  return found == advice.changes.end() ? nullptr : &*found;
}

// 70 B parameters at 18 bytes are 1260 GB; eight H100s have 680.
Scenario too_large() {
  return test::scenario(*find_model("llama3-70b"), "dgx-h100", 8, {.sequence = 8192, .global_batch = 128});
}

TEST(Advice, SaysWhatBindsAndByHowMuch) {
  const ClosedFormContext context(test::priced(too_large()));
  const SearchResult result = search(context);
  ASSERT_TRUE(result.nearest);
  const Advice advice = advise(context, *result.nearest);
  EXPECT_EQ(advice.short_by, result.nearest->memory.total() - result.nearest->memory.capacity);
  EXPECT_GT(advice.short_by, Bytes{0});
  EXPECT_EQ(advice.binding, binding_category(result.nearest->memory));
}

TEST(Advice, OfferedChangesFitIndeed) {
  const Scenario given = too_large();
  const ClosedFormContext context(test::priced(given));
  const Advice advice = advise(context, *search(context).nearest, {.headroom = 0.03});
  ASSERT_GE(advice.changes.size(), 2U);
  for (const Change& change : advice.changes) {
    Scenario changed = given;
    changed.gpus = gpus(change.plan);
    if (change.what.find(" each) instead of") != std::string::npos)
      changed.cluster =
          *find_cluster(find_device(change.what.substr(4, change.what.find(' ', 4) - 4))->default_cluster);
    EXPECT_EQ(to_string(check_plan(changed, change.plan)), "") << change.what;
    const MemoryUse use = test::memory_of(changed, change.plan);
    EXPECT_TRUE(use.fits(0.03)) << change.what;
    EXPECT_EQ(use.total(), change.total) << change.what;
    EXPECT_GT(change.step.value(), Seconds{0}) << change.what;
  }
}

TEST(Advice, OffersTheHostForTheOptimiser) {
  const ClosedFormContext context(test::priced(too_large()));
  const Change* host = change_with(advise(context, *search(context).nearest), "on the host");
  ASSERT_NE(host, nullptr);
}

TEST(Advice, OffersTheFewestWholeNodesThatFit) {
  const Scenario given = too_large();
  const ClosedFormContext context(test::priced(given));
  const Advice advice = advise(context, *search(context).nearest);
  const Change* more = change_with(advice, " devices instead of 8");
  ASSERT_NE(more, nullptr);
  const int offered = gpus(more->plan);
  for (int fewer = 16; fewer < offered; fewer += 8) {
    Scenario smaller = given;
    smaller.gpus = fewer;
    EXPECT_TRUE(search(ClosedFormContext(test::priced(smaller))).best.empty()) << fewer;
  }
}

TEST(Advice, OffersAShorterSequenceWhereActivationsBind) {
  Scenario given = test::scenario(*find_model("llama2-7b"), "dgx-h100", 1, {.sequence = 65536, .global_batch = 1});
  given.stack.precision = {.parameters = DType::int8, .gradients = DType::int8, .moments = DType::int8};
  given.cluster.nodes[0].node.device.memory.capacity = 50.0_GiB;
  const ClosedFormContext context(test::priced(given));
  const SearchResult result = search(context);
  ASSERT_TRUE(result.nearest);
  const Advice advice = advise(context, *result.nearest);
  const auto shorter = std::find_if(advice.changes.begin(), advice.changes.end(),
                                    [](const Change& c) { return c.what.starts_with("sequence "); });
  ASSERT_NE(shorter, advice.changes.end());
  given.job.sequence = std::stoi(shorter->what.substr(9));
  EXPECT_TRUE(test::memory_of(given, shorter->plan).fits());
  given.job.sequence *= 2;
  EXPECT_TRUE(search(ClosedFormContext(test::priced(given))).best.empty());
}

TEST(CheaperBatches, NameTheNextThatMoreReplicasDivide) {
  const auto named = [](int batch) {
    const ClosedFormContext context(
        test::priced(test::scenario(test::small_dense(), "dgx-h100", 64, {.sequence = 2048, .global_batch = batch})));
    std::vector<int> batches;
    for (const CheaperBatch& cheaper : cheaper_batches(context, search(context).best.front())) {
      EXPECT_GE(cheaper.saving, 0.1);
      batches.push_back(cheaper.global_batch);
    }
    return batches;
  };
  EXPECT_THAT(named(65), testing::Contains(64));
  EXPECT_THAT(named(64), testing::IsEmpty());
}

TEST(BindingCategory, IsTheLargestAtThePeak) {
  const MemoryUse use{.stages = {{.parameters = Bytes{9}}, {.parameters = Bytes{1}, .activations = Bytes{5}}},
                      .peak_stage = 1};
  EXPECT_EQ(binding_category(use), "activations at stage 1");
}

TEST(Adjust, NamesSingleChangesThatFitAndAllOfThemOnlyWhereNoneDoes) {
  Scenario given =
      test::scenario(*find_model("llama2-7b"), "dgx-h100", 8, {.sequence = 4096, .global_batch = 64}, "deepspeed");
  const Plan plan{.dp = 8, .zero = 1, .micro_batch = 8};
  const auto changes = adjust(ClosedFormContext(test::priced(given)), plan);
  ASSERT_FALSE(changes.empty());
  EXPECT_FALSE(estimate(test::priced(given), plan).memory.fits());
  for (const Change& change : changes) {
    const MemoryUse memory = estimate(test::priced(given), change.plan).memory;
    EXPECT_TRUE(memory.fits()) << change.what;
    EXPECT_EQ(memory.total(), change.total);
    const int differing = (change.plan.recompute != plan.recompute) + (change.plan.zero != plan.zero) +
                          (change.plan.micro_batch != plan.micro_batch);
    EXPECT_EQ(differing, 1) << change.what;
  }
  // 7 B parameters with their states want 18 x 6.7 GB = 121 GB, and a long sequence more than any single option gives
  // back.
  given.job = {.sequence = 65536, .global_batch = 64};
  const auto all = adjust(ClosedFormContext(test::priced(given)), {.dp = 8, .zero = 0, .micro_batch = 8});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].plan.recompute, Recompute::full);
  EXPECT_EQ(all[0].plan.zero, 3);
  EXPECT_EQ(all[0].plan.micro_batch, 1);
}

}  // namespace
}  // namespace forerun
