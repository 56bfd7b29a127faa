#include "strategies/search/advice.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/units.hpp"
#include "hardware/catalog.hpp"
#include "strategies/closed_form/block_price.hpp"
#include "strategies/plan/check_plan.hpp"
#include "strategies/search/search_space.hpp"

namespace forerun {
namespace {

// Any plan of the space that fits; stops at the first.
std::optional<NearestPlan> first_fit(const Scenario& scenario, double headroom) {
  Result<PricedScenario> priced = price(scenario);
  if (!priced) return std::nullopt;
  const ClosedFormContext context(*std::move(priced));
  ClosedForm form(context);
  std::optional<NearestPlan> found;
  MemoryUse memory;
  for (const Split& split : splits(scenario)) {
    const SplitPrices prices = price_split(context.scenario, context.kinds, split);
    for_each_plan(scenario, split, [&](const Plan& plan) {
      if (found) return;
      form.memory(prices, plan, memory);
      if (memory.fits(headroom)) found = NearestPlan{plan, memory};
    });
    if (found) return found;
  }
  return std::nullopt;
}

Change change(std::string what, const NearestPlan& fit) { return {std::move(what), fit.plan, fit.memory.total()}; }

// Doubles the devices until something fits, then looks for the smallest number of whole nodes between the last two.
std::optional<Change> more_devices(Scenario scenario, double headroom) {
  const int asked = scenario.gpus;
  const int node = node_of(scenario.cluster).devices;
  const int limit = scenario.cluster.max_gpus > 0 ? scenario.cluster.max_gpus : 1 << 16;
  int too_few = asked;
  std::optional<NearestPlan> fit;
  for (scenario.gpus = asked < node ? node : 2 * asked; scenario.gpus <= limit && !fit; scenario.gpus *= 2) {
    fit = first_fit(scenario, headroom);
    if (fit) break;
    too_few = scenario.gpus;
  }
  if (!fit) return std::nullopt;
  int enough = scenario.gpus;
  constexpr int most_tries = 16;  // evenly spaced where there are more whole nodes between
  const int step = node * std::max(1, (enough - too_few) / (node * most_tries));
  for (scenario.gpus = too_few + step; scenario.gpus < enough; scenario.gpus += step) {
    if (const auto smaller = first_fit(scenario, headroom))
      return change(fmt::format("{} devices instead of {}", scenario.gpus, asked), *smaller);
  }
  return change(fmt::format("{} devices instead of {}", enough, asked), *fit);
}

// The smallest device of the same maker in the catalogue whose cluster could run it with as many devices.
std::optional<Change> larger_device(const Scenario& scenario, double headroom) {
  const Device& present = node_of(scenario.cluster).device;
  std::optional<Device> best;
  std::optional<NearestPlan> fit;
  for (const std::string& name : device_names()) {
    const Result<Device> device = find_device(name);
    if (!device || device->vendor != present.vendor || device->memory.capacity <= present.memory.capacity) continue;
    if (best && device->memory.capacity >= best->memory.capacity) continue;
    Scenario other = scenario;
    const Result<Cluster> cluster = find_cluster(device->default_cluster);
    if (!cluster || !is_homogeneous(*cluster)) continue;
    other.cluster = *cluster;
    if (const auto found = first_fit(other, headroom)) {
      best = *device;
      fit = found;
    }
  }
  if (!best || !fit) return std::nullopt;
  return change(fmt::format("{} x {} ({} each) instead of {}", scenario.gpus, best->name, format(best->memory.capacity),
                            present.name),
                *fit);
}

std::optional<Change> shorter_sequence(Scenario scenario, double headroom) {
  const int asked = scenario.job.sequence;
  for (scenario.job.sequence = asked / 2; scenario.job.sequence >= 512; scenario.job.sequence /= 2) {
    if (const auto fit = first_fit(scenario, headroom))
      return change(fmt::format("sequence {} instead of {}", scenario.job.sequence, asked), *fit);
  }
  return std::nullopt;
}

}  // namespace

std::string binding_category(const MemoryUse& memory) {
  const StageMemory& peak = memory.peak();
  const MemoryCategory* largest = nullptr;
  for (const MemoryCategory& category : memory_categories) {
    if (category.binding.empty()) continue;
    if (largest == nullptr || peak.*category.bytes > peak.*largest->bytes) largest = &category;
  }
  return fmt::format("{} at stage {}", largest->binding, memory.peak_stage);
}

namespace {

// Keeps the changed plan if it is valid, the stack has it, and it fits.
void keep_if_it_fits(const ClosedFormContext& context, std::string what, const Plan& plan,
                     std::vector<Change>& changes) {
  const Scenario& given = context.scenario.given;
  if (!is_valid(given, plan) || !supports(given.stack, plan)) return;
  MemoryUse memory;
  ClosedForm(context).memory(price_split(context.scenario, context.kinds, split_of(plan)), plan, memory);
  if (memory.fits()) changes.push_back({std::move(what), plan, memory.total()});
}

}  // namespace

std::vector<Change> adjust(const ClosedFormContext& context, const Plan& plan) {
  std::vector<Change> changes;
  Plan every = plan;
  const auto attempt = [&](std::string what, Plan changed) {
    if (changed == plan) return;
    keep_if_it_fits(context, std::move(what), changed, changes);
  };
  Plan changed = plan;
  changed.sp = every.sp = plan.tp > 1;
  attempt("sp true", changed);
  for (const Recompute more : {Recompute::selective, Recompute::full}) {
    if (more <= plan.recompute) continue;
    changed = plan;
    changed.recompute = every.recompute = more;
    attempt(fmt::format("recompute {}", to_string(more)), changed);
  }
  const int last_zero = plan.dp * plan.cp == 1 ? 0 : plan.pp > 1 ? 1 : 3;
  for (int zero = plan.zero + 1; zero <= last_zero; ++zero) {
    changed = plan;
    changed.zero = every.zero = zero;
    attempt(fmt::format("zero {}", zero), changed);
  }
  for (int micro_batch = plan.micro_batch / 2; micro_batch >= 1; micro_batch /= 2) {
    changed = plan;
    changed.micro_batch = every.micro_batch = micro_batch;
    attempt(fmt::format("micro_batch {}", micro_batch), changed);
  }
  if (changes.empty()) attempt("all of: " + summary(every), every);
  return changes;
}

int usable_devices_below(Scenario scenario) {
  constexpr int farthest = 4096;
  const int asked = scenario.gpus;
  for (--scenario.gpus; scenario.gpus > 0 && asked - scenario.gpus <= farthest; --scenario.gpus) {
    if (!build_topology(scenario.cluster, scenario.gpus)) continue;
    bool any = false;
    for (const Split& split : splits(scenario)) {
      for_each_plan(scenario, split, [&](const Plan&) { any = true; });
      if (any) return scenario.gpus;
    }
  }
  return 0;
}

Advice advise(const ClosedFormContext& context, const NearestPlan& nearest, double headroom) {
  Advice advice{.binding = binding_category(nearest.memory),
                .short_by = nearest.memory.total() - (1 - headroom) * nearest.memory.capacity,
                .changes = {}};
  const Scenario& given = context.scenario.given;
  for (auto&& found :
       {more_devices(given, headroom), larger_device(given, headroom), shorter_sequence(given, headroom)}) {
    if (found) advice.changes.push_back(*found);
  }
  return advice;
}

}  // namespace forerun
