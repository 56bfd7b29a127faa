// How many transfers a second does the fluid system bring to their end on a crowded network, and does it stay exact?
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "sim/fluid_transfer.hpp"

namespace forerun {
namespace {

// Hosts below leaf switches with half as much bandwidth up as down, below a spine that never blocks. All links are
// alike.
constexpr std::uint32_t hosts = 512, leaf = 32, uplinks = leaf / 2;
constexpr double link_rate = 50e9;  // bytes a second: 400 Gb/s
constexpr std::uint32_t up = 0, down = hosts, leaf_up = 2 * hosts, leaf_down = leaf_up + hosts / leaf * uplinks;
constexpr std::uint32_t links = leaf_down + hosts / leaf * uplinks;

std::vector<Demand> path(std::uint32_t from, std::uint32_t to) {
  std::vector<std::uint32_t> ids{up + from, down + to};
  if (from / leaf != to / leaf) {  // equal-cost paths by a hash of the pair, as switches do
    const std::uint64_t hash = hash_of(0, from, to);
    ids.push_back(leaf_up + from / leaf * uplinks + static_cast<std::uint32_t>(hash % uplinks));
    ids.push_back(leaf_down + to / leaf * uplinks + static_cast<std::uint32_t>((hash >> 32) % uplinks));
  }
  std::vector<Demand> demands;
  for (const std::uint32_t id : ids) demands.push_back({.capacity = CapacityId{id}, .share = 1});
  return demands;
}

// Random pairs of hosts; sizes from 1 MB to 1 GB, equally many in each octave.
std::vector<Transfer> random_transfers(std::int64_t count) {
  Random random(1);
  std::vector<Transfer> transfers;
  while (std::ssize(transfers) < count) {
    const auto from = static_cast<std::uint32_t>(random.next() % hosts),
               to = static_cast<std::uint32_t>(random.next() % hosts);
    if (from != to) transfers.push_back({.size = std::pow(10.0, 6 + 3 * random.uniform()), .path = path(from, to)});
  }
  return transfers;
}

std::vector<double> network() { return std::vector<double>(links, link_rate); }

FluidSystem empty_system() {
  FluidSystem fluid;
  for (const double amount : network()) fluid.add(amount);
  return fluid;
}

using Running = std::vector<std::pair<FlowId, const Transfer*>>;

double error_against_scratch(const FluidSystem& fluid, const Running& running) {
  FluidSystem scratch = empty_system();
  std::vector<FlowId> same;
  for (const auto& [flow, transfer] : running) same.push_back(scratch.start(transfer->path, no_cap));
  scratch.changed();
  double worst = 0;
  for (std::size_t i = 0; i < running.size(); ++i) {
    worst = std::max(worst, std::abs(fluid.rate(running[i].first) / scratch.rate(same[i]) - 1));
  }
  return worst;
}

struct Check {
  double error = 0;  // the largest relative difference of a rate to that of a system that solves all of them at once
  double changed = 0;  // rates for each completion
};

// Starts all and stops them in the order in which they end. `often`: completions between comparisons.
Check check(const std::vector<Transfer>& transfers, std::size_t often) {
  const std::vector<Tick> finish = finish_times(network(), transfers);
  std::vector<std::size_t> order(transfers.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, std::ranges::greater{}, [&](std::size_t t) { return finish[t]; });
  FluidSystem fluid = empty_system();
  Running running;
  for (const std::size_t t : order) running.emplace_back(fluid.start(transfers[t].path, no_cap), &transfers[t]);
  Check result;
  fluid.changed();
  while (!running.empty()) {
    if (running.size() % often == 0) result.error = std::max(result.error, error_against_scratch(fluid, running));
    fluid.stop(running.back().first);
    running.pop_back();
    result.changed += static_cast<double>(fluid.changed().size()) / static_cast<double>(transfers.size());
  }
  return result;
}

void fluid_completions(benchmark::State& state) {
  const std::vector<Transfer> transfers = random_transfers(state.range(0));
  const std::vector<double> capacities = network();
  for (auto _ : state) benchmark::DoNotOptimize(finish_times(capacities, transfers));
  state.SetItemsProcessed(state.iterations() * state.range(0));
  const Check result = check(transfers, 16);
  state.counters["error"] = result.error;
  state.counters["changed"] = result.changed;
}
BENCHMARK(fluid_completions)->Arg(2048)->Unit(benchmark::kMillisecond);

// Nothing is in the way: a task with room starts and stops beside many others on the same capacities.
void fluid_start_stop_with_room(benchmark::State& state) {
  FluidSystem fluid;
  const std::vector<Demand> demands{{.capacity = fluid.add(1), .share = 0.25 / 1024},
                                    {.capacity = fluid.add(1), .share = 0.5 / 1024}};
  for (int i = 0; i < 1024; ++i) fluid.start(demands);
  for (auto _ : state) {
    const FlowId flow = fluid.start(demands);
    benchmark::DoNotOptimize(fluid.changed());
    fluid.stop(flow);
    benchmark::DoNotOptimize(fluid.changed());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(fluid_start_stop_with_room);

}  // namespace
}  // namespace forerun
