// Does the closed form say what the simulator says? Plans drawn from all that are valid and fit, of eight pairs of a
// model and a cluster.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "hardware/catalog.hpp"
#include "strategies/closed_form/block_price.hpp"
#include "strategies/closed_form/closed_form.hpp"
#include "strategies/plan_runs.hpp"
#include "strategies/search/search_space.hpp"
#include "strategies/simulation/simulation.hpp"
#include "workloads/models/catalog.hpp"

namespace forerun {
namespace {

struct Pair {
  const char *model, *cluster, *stack;
  int gpus, sequence, batch;
};
constexpr Pair pairs[] = {{"llama3-8b", "dgx-h100", "megatron-core", 8, 8192, 64},
                          {"llama3-8b", "dgx-a100", "torchtitan", 64, 4096, 256},
                          {"llama3-70b", "dgx-h100", "megatron-core", 64, 8192, 128},
                          {"mixtral-8x7b", "dgx-h100", "megatron-core", 64, 4096, 256},
                          {"gpt3-175b", "dgx-a100", "megatron-zero-bubble", 256, 2048, 512},
                          {"llama3-405b", "dgx-h100", "nemo", 1024, 8192, 512},
                          {"qwen3-30b-a3b", "gb200-nvl72", "megatron-bridge", 72, 4096, 288},
                          {"llama2-13b", "dgx-a100", "megatron-deepspeed", 32, 4096, 128}};

std::vector<Plan> fitting(const ClosedFormContext& context) {
  const Scenario& given = context.scenario.given;
  ClosedForm form(context);
  MemoryUse memory;
  std::vector<Plan> list;
  for (const Split& split : splits(given)) {
    const SplitPrices prices = price_split(context.scenario, context.kinds, split);
    for_each_plan(given, split, [&](const Plan& plan) {
      form.memory(prices, plan, memory);
      if (memory.fits()) list.push_back(plan);
    });
  }
  return list;
}

double at(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

void print(const char* name, std::size_t plans, std::vector<double> errors) {
  std::sort(errors.begin(), errors.end());
  std::printf("%-14s %6zu plans fit, %4zu drawn: median %.3f %%, p95 %.3f %%, worst %.3f %%\n", name, plans,
              errors.size(), 100 * at(errors, 0.5), 100 * at(errors, 0.95), 100 * errors.back());
}

TEST(ClosedForm, IsWithinThreePercentOfTheSimulationForNineteenPlansInTwenty) {
#ifdef __SANITIZE_ADDRESS__
  constexpr std::size_t each = 4;  // the sanitizer looks at every step of the replay
#else
  constexpr std::size_t each = 50;
#endif
  std::vector<double> all;
  for (const Pair& pair : pairs) {
    Scenario given{.model = *find_model(pair.model),
                   .cluster = *find_cluster(pair.cluster),
                   .gpus = pair.gpus,
                   .stack = *find_stack(pair.stack),
                   .job = {.sequence = pair.sequence, .global_batch = pair.batch}};
    const ClosedFormContext context(*price(std::move(given)));
    const std::vector<Plan> plans = fitting(context);
    ASSERT_GE(plans.size(), each) << pair.model;
    std::mt19937 random(1);
    std::vector<double> errors;
    ClosedForm form(context);
    Estimate estimate;
    for (std::size_t i = 0; i < each; ++i) {
      const Plan& plan = plans[random() % plans.size()];
      form.evaluate(price_split(context.scenario, context.kinds, split_of(plan)), plan, estimate);
      const Simulation simulated = simulate(context.scenario, plan);
      errors.push_back(std::abs(estimate.step.median / simulated.step - 1));
      EXPECT_LE(estimate.lower_bound, simulated.step) << pair.model << ": " << summary(plan);
      EXPECT_LE(estimate.lower_bound, estimate.step.median) << pair.model << ": " << summary(plan);
      EXPECT_EQ(estimate.memory.total(), simulated.memory.total()) << pair.model << ": " << summary(plan);
    }
    print(pair.model, plans.size(), errors);
    all.insert(all.end(), errors.begin(), errors.end());
  }
  std::sort(all.begin(), all.end());
  print("all", all.size(), all);
  EXPECT_LE(at(all, 0.95), 0.03);
}

}  // namespace
}  // namespace forerun
