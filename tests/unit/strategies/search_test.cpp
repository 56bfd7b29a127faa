// Does the search look at every plan, and return the best?
#include "strategies/search/search.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <map>

#include "strategies/closed_form/block_price.hpp"
#include "strategies/plan/check_plan.hpp"
#include "tests/support/every_plan.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

struct Case {
  std::string name;
  Scenario given;
  double headroom = 0;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::vector<Case> cases() {
  using test::scenario, test::small_dense, test::small_mixture;
  // Memory so small that part of the space does not fit.
  const auto with_memory = [](Scenario given, Bytes capacity) {
    given.cluster.nodes[0].node.device.memory.capacity = capacity;
    return given;
  };
  Model windowed = small_dense(6);
  windowed.blocks[0].attention()->window = 256;
  return {
      {"DenseOnEight", scenario(small_dense(), "dgx-h100", 8, {.sequence = 1024, .global_batch = 32})},
      {"DenseOnOne", scenario(small_dense(3), "dgx-a100", 1, {.sequence = 512, .global_batch = 6})},
      {"DenseOnSixteenOddBatch", scenario(small_dense(7), "dgx-h100", 16, {.sequence = 1024, .global_batch = 45})},
      {"DenseOnTwentyFour", scenario(small_dense(6), "dgx-a100", 24, {.sequence = 768, .global_batch = 72})},
      {"DenseOnSixtyFourInLittleMemory",
       with_memory(scenario(small_dense(10), "dgx-h100", 64, {.sequence = 2048, .global_batch = 256}), 3.0_GiB)},
      {"WindowedOnEight", scenario(windowed, "dgx-h100", 8, {.sequence = 1024, .global_batch = 16})},
      {"MixtureOnEight", scenario(small_mixture(), "dgx-h100", 8, {.sequence = 512, .global_batch = 24})},
      {"MixtureOnThirtyTwo",
       with_memory(scenario(small_mixture(6), "dgx-a100", 32, {.sequence = 1024, .global_batch = 96}), 3.0_GiB), 0.03},
      {"CourseOnEight", with_memory(scenario(small_dense(4), "dgx-a100", 8,
                                             {.sequence = 2048, .global_batch = 15, .dtype = DType::fp16}, "course"),
                                    1.0_GiB)},
  };
}

// What a search should find, by trying everything.
struct Tried {
  std::int64_t total = 0, fitting = 0;
  Seconds best = Seconds::infinity();
  Bytes smallest = Bytes::infinity();
  std::array<Seconds, feature_count> without;
};

Tried try_everything(const ClosedFormContext& context, double headroom) {
  Tried tried;
  tried.without.fill(Seconds::infinity());
  ClosedForm form(context);
  Split last;
  SplitPrices prices = price_split(context.scenario, context.kinds, last);
  Estimate e;
  test::every_plan(context.scenario.given, [&](const Plan& plan) {
    ++tried.total;
    if (!(split_of(plan) == last)) prices = price_split(context.scenario, context.kinds, last = split_of(plan));
    form.evaluate(prices, plan, e);
    if (!e.memory.fits(headroom)) {
      tried.smallest = min(tried.smallest, e.memory.total());
      return;
    }
    ++tried.fitting;
    tried.best = min(tried.best, e.step.median);
    for (std::size_t f = 0; f < feature_count; ++f) {
      if (!uses(plan, static_cast<Feature>(f))) tried.without[f] = min(tried.without[f], e.step.median);
    }
  });
  return tried;
}

class Search : public testing::TestWithParam<Case> {};

TEST_P(Search, FindsWhatTryingEverythingFinds) {
  const ClosedFormContext context(test::priced(GetParam().given));
  const double headroom = GetParam().headroom;
  const SearchResult result = search(context, {.headroom = headroom});
  const Tried tried = try_everything(context, headroom);

  EXPECT_EQ(result.certificate.total, tried.total);
  EXPECT_EQ(result.certificate.evaluated + result.certificate.pruned_bound, tried.fitting);
  EXPECT_EQ(result.certificate.pruned_memory, tried.total - tried.fitting);
  ASSERT_FALSE(result.best.empty());
  EXPECT_EQ(result.best.front().estimate.step.median, tried.best);
  for (const LeftOut& left : result.left_out) {
    EXPECT_TRUE(uses(result.best.front().plan, left.feature));
    const Seconds without = tried.without[static_cast<std::size_t>(left.feature)];
    ASSERT_EQ(left.best.has_value(), without < Seconds::infinity()) << to_string(left.feature);
    if (!left.best) continue;
    EXPECT_FALSE(uses(left.best->plan, left.feature)) << to_string(left.feature);
    EXPECT_EQ(left.best->estimate.step.median, without) << to_string(left.feature);
  }
}

std::map<PlanKind, std::size_t> by_kind(const SearchResult& result) {
  std::map<PlanKind, std::size_t> variants;
  for (const RankedPlan& ranked : result.best) ++variants[kind_of(ranked.plan)];
  return variants;
}

TEST_P(Search, ReturnsPlansThatCanBeRun) {
  const Scenario& given = GetParam().given;
  const ClosedFormContext context(test::priced(given));
  const SearchResult result = search(context, {.top = 20, .headroom = GetParam().headroom});
  EXPECT_EQ(result.best.empty(), result.certificate.evaluated == 0);
  EXPECT_LE(std::ssize(result.best), result.certificate.evaluated);
  for (const auto& [kind, variants] : by_kind(result)) EXPECT_LE(variants, SearchOptions{}.variants);
  EXPECT_LE(by_kind(result).size(), 20U);
  Seconds before{0};
  for (const RankedPlan& ranked : result.best) {
    EXPECT_EQ(to_string(check_plan(given, ranked.plan)), "");
    EXPECT_TRUE(ranked.estimate.memory.fits(GetParam().headroom));
    EXPECT_GE(ranked.estimate.step.median, before);
    EXPECT_EQ(estimate(context.scenario, ranked.plan).step, ranked.estimate.step);
    before = ranked.estimate.step.median;
  }
}

TEST_P(Search, LeavesOutEveryFeatureOfTheBestPlan) {
  const SearchResult result =
      search(ClosedFormContext(test::priced(GetParam().given)), {.headroom = GetParam().headroom});
  ASSERT_FALSE(result.best.empty());
  std::size_t used = 0;
  for (std::size_t f = 0; f < feature_count; ++f)
    used += uses(result.best.front().plan, static_cast<Feature>(f)) ? 1 : 0;
  EXPECT_EQ(result.left_out.size(), used);
}

TEST_P(Search, AnswersTheSameForAnyNumberOfThreads) {
  const ClosedFormContext context(test::priced(GetParam().given));
  const SearchResult one = search(context, {.threads = 1});
  for (const int threads : {2, 4}) {
    const SearchResult many = search(context, {.threads = threads});
    EXPECT_EQ(many.certificate.total, one.certificate.total);
    EXPECT_EQ(many.certificate.evaluated, one.certificate.evaluated);
    ASSERT_EQ(many.best.size(), one.best.size());
    for (std::size_t i = 0; i < one.best.size(); ++i) {
      EXPECT_EQ(many.best[i].plan, one.best[i].plan) << i;
      EXPECT_EQ(many.best[i].estimate.step, one.best[i].estimate.step) << i;
    }
    ASSERT_EQ(many.left_out.size(), one.left_out.size());
    for (std::size_t i = 0; i < one.left_out.size(); ++i) {
      ASSERT_EQ(many.left_out[i].best.has_value(), one.left_out[i].best.has_value());
      if (one.left_out[i].best) {
        EXPECT_EQ(many.left_out[i].best->plan, one.left_out[i].best->plan);
      }
    }
  }
}

TEST_P(Search, BeatsTheRuleOfThumb) {
  const SearchResult result =
      search(ClosedFormContext(test::priced(GetParam().given)), {.headroom = GetParam().headroom});
  if (!result.rule_of_thumb) return;  // nothing of its kind fits
  EXPECT_EQ(to_string(check_plan(GetParam().given, result.rule_of_thumb->plan)), "");
  EXPECT_TRUE(result.rule_of_thumb->estimate.memory.fits(GetParam().headroom));
  EXPECT_LE(result.best.front().estimate.step.median, result.rule_of_thumb->estimate.step.median);
}

INSTANTIATE_TEST_SUITE_P(Of, Search, testing::ValuesIn(cases()), [](const auto& one) { return one.param.name; });

TEST(SearchOfTheImpossible, NamesThePlanThatNeedsLeast) {
  Scenario given = test::scenario(test::small_dense(), "dgx-h100", 8, {.sequence = 1024, .global_batch = 32});
  given.cluster.nodes[0].node.device.memory.capacity = 1.0_GiB;  // less than the driver takes
  const ClosedFormContext context(test::priced(given));
  const SearchResult result = search(context);
  EXPECT_TRUE(result.best.empty());
  EXPECT_EQ(result.certificate.pruned_memory, result.certificate.total);
  ASSERT_TRUE(result.nearest);
  EXPECT_EQ(result.nearest->memory.total(), try_everything(context, 0).smallest);
  EXPECT_EQ(result.nearest->memory.total(), test::memory_of(given, result.nearest->plan).total());
}

TEST(SearchOptions, LimitTheListAndTellHowFar) {
  const ClosedFormContext context(
      test::priced(test::scenario(test::small_dense(), "dgx-h100", 8, {.sequence = 1024, .global_batch = 32})));
  double last = 0;
  const SearchResult result = search(context, {.top = 2, .threads = 1, .progress = [&](double done) {
                                                 EXPECT_GE(done, last);
                                                 last = done;
                                               }});
  EXPECT_EQ(by_kind(result).size(), 2U);
  EXPECT_EQ(last, 1);
}

Wishes wished(const std::vector<std::string>& fix, const std::vector<std::string>& forbid, bool offload = false) {
  const Result<Wishes> wishes = read_wishes(fix, forbid, offload);
  EXPECT_TRUE(wishes) << to_string(wishes.error());
  return wishes ? *wishes : Wishes{};
}

TEST(Wishes, NarrowTheSpace) {
  const ClosedFormContext context(
      test::priced(test::scenario(test::small_mixture(), "dgx-h100", 8, {.sequence = 1024, .global_batch = 48})));
  const auto plans = [&](const Wishes& wishes) { return search(context, {.top = 50, .wishes = wishes}).best; };
  for (const RankedPlan& ranked : plans(wished({"tp=2", "recompute=full"}, {"cp=2", "zero=1"}))) {
    EXPECT_EQ(ranked.plan.tp, 2);
    EXPECT_EQ(ranked.plan.recompute, Recompute::full);
    EXPECT_NE(ranked.plan.cp, 2);
    EXPECT_NE(ranked.plan.zero, 1);
  }
  EXPECT_FALSE(plans(wished({"tp=2"}, {})).empty());
  EXPECT_TRUE(plans(wished({"tp=3"}, {})).empty());
}

// Values that the space has not by itself.
TEST(Wishes, AddWhatTheyFix) {
  const ClosedFormContext context(
      test::priced(test::scenario(test::small_mixture(), "dgx-h100", 8, {.sequence = 1024, .global_batch = 48})));
  const auto first = [&](const Wishes& wishes) {
    const SearchResult result = search(context, {.wishes = wishes});
    EXPECT_FALSE(result.best.empty());
    return result.best.empty() ? Plan{} : result.best.front().plan;
  };
  EXPECT_EQ(first(wished({"micro_batch=3"}, {})).micro_batch, 3);
  EXPECT_EQ(first(wished({"etp=2"}, {})).etp, 2);
  EXPECT_EQ(first(wished({"sharding_group=4"}, {})).sharding_group, 4);
  EXPECT_TRUE(first(wished({"offload.optimizer=true"}, {})).offload.optimizer);
  EXPECT_FALSE(first(wished({}, {}, true)).offload.optimizer) << "where it fits, the host only costs time";
}

TEST(Wishes, SayAllThatIsWrongWithThem) {
  const Result<Wishes> wishes = read_wishes({"tq=2", "tp", "cp_kind=rings"}, {"heads=4"}, false);
  ASSERT_FALSE(wishes);
  EXPECT_EQ(wishes.error().size(), 4U) << to_string(wishes.error());
}

TEST(RuleOfThumb, FillsTheNodeThenCutsThePipelineThenReplicates) {
  const ClosedFormContext context(
      test::priced(test::scenario(*find_model("llama3-70b"), "dgx-h100", 64, {.sequence = 8192, .global_batch = 128})));
  const auto rule = rule_of_thumb(context);
  ASSERT_TRUE(rule);
  EXPECT_EQ(rule->plan.tp, 8);
  EXPECT_TRUE(rule->plan.sp);
  EXPECT_EQ(rule->plan.micro_batch, 1);
  EXPECT_EQ(rule->plan.cp, 1);
  // One stage fewer does not fit without more recompute.
  for (int pp = 1; pp < rule->plan.pp; pp *= 2) {
    Plan shorter = rule->plan;
    shorter.pp = pp, shorter.dp = 8 / pp;
    EXPECT_FALSE(test::memory_of(context.scenario.given, shorter).fits()) << pp;
  }
}

}  // namespace
}  // namespace forerun
