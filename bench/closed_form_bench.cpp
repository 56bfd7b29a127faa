// How many plans a second does the closed form price on one core?
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "base/result.hpp"
#include "hardware/catalog.hpp"
#include "strategies/closed_form/block_price.hpp"
#include "strategies/closed_form/closed_form.hpp"
#include "strategies/search/search.hpp"
#include "strategies/search/search_space.hpp"
#include "workloads/models/catalog.hpp"

namespace forerun {
namespace {

template <class T>
T must(Result<T> result) {
  if (!result) {
    std::fputs(to_string(result.error()).c_str(), stderr);
    std::abort();
  }
  return *std::move(result);
}

Scenario llama(int gpus) {
  return {.model = must(find_model("llama3-70b")),
          .cluster = must(find_cluster("dgx-h100")),
          .gpus = gpus,
          .stack = must(find_stack("megatron-core")),
          .job = {.sequence = 8192, .global_batch = 128}};
}

// A plan and which of the distinct splits it repeats.
struct Item {
  Plan plan;
  std::size_t split;
};

// All valid plans of llama3-70b on 64 GPUs in shuffled order, each with its full breakdown and the memory of every
// stage, whether it fits or not. An iteration is a search: it begins without any table, prices the distinct splits,
// then every plan; no plan's result serves another.
void closed_form_evaluations(benchmark::State& state) {
  const ClosedFormContext context(must(price(llama(64))));
  const std::vector<Split> all = splits(context.scenario.given);
  std::vector<Item> items;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for_each_plan(context.scenario.given, all[i], [&](const Plan& plan) { items.push_back({plan, i}); });
  }
  std::shuffle(items.begin(), items.end(), std::mt19937(1));
  Estimate estimate;
  for (auto _ : state) {
    ClosedForm form(context);
    std::vector<SplitPrices> table;
    table.reserve(all.size());
    SplitPricer pricer(context.scenario, context.kinds);
    for (const Split& split : all) table.push_back(pricer(split));
    for (const Item& item : items) {
      form.evaluate(table[item.split], item.plan, estimate);
      benchmark::DoNotOptimize(estimate);
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(items.size()));
  state.counters["plans"] = static_cast<double>(items.size());
}
BENCHMARK(closed_form_evaluations)->Unit(benchmark::kMillisecond);

// The whole search on one thread, as `plan` runs it: plans that do not fit are not timed.
void search_space(benchmark::State& state) {
  const ClosedFormContext context(must(price(llama(static_cast<int>(state.range(0))))));
  std::int64_t plans = 0;
  for (auto _ : state) plans += search(context, {.threads = 1}).certificate.total;
  state.SetItemsProcessed(plans);
}
BENCHMARK(search_space)->Arg(64)->Arg(1024)->Unit(benchmark::kMillisecond);

void split_prices(benchmark::State& state) {
  const ClosedFormContext context(must(price(llama(64))));
  const Split split{.tp = 4, .sp = true, .cp = 2};
  for (auto _ : state) benchmark::DoNotOptimize(price_split(context.scenario, context.kinds, split));
}
BENCHMARK(split_prices)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace forerun
