#include "strategies/search/advice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <utility>

#include "base/units.hpp"
#include "hardware/catalog.hpp"
#include "strategies/closed_form/block_price.hpp"
#include "strategies/plan/check_plan.hpp"
#include "strategies/search/search_space.hpp"

namespace forerun {
namespace {

// Looks for plans of other scenarios with the options of the search.
class Looking {
 public:
  explicit Looking(const SearchOptions& options) : options_(options) {
    options_.top = options_.variants = 1;
    options_.progress = [](double) {};
  }

  // Does any plan of the space fit?
  [[nodiscard]] bool any_fits(const Scenario& scenario) const {
    Result<PricedScenario> priced = price(scenario);
    if (!priced) return false;
    const ClosedFormContext context(*std::move(priced));
    ClosedForm form(context);
    bool found = false;
    MemoryUse memory;
    for (const Split& split : splits(scenario, options_.wishes)) {
      const SplitPrices prices = price_split(context.scenario, context.kinds, split);
      const auto look = [&](const Plan& plan) {
        if (found) return;
        form.memory(prices, plan, memory);
        found = memory.fits(options_.headroom);
      };
      for_each_plan(scenario, split, look, options_.wishes);
      if (found) return true;
    }
    return false;
  }

  // The fastest that fits.
  [[nodiscard]] std::optional<RankedPlan> fastest(const Scenario& scenario) const {
    Result<PricedScenario> priced = price(scenario);
    if (!priced) return std::nullopt;
    SearchResult result = search(ClosedFormContext(*std::move(priced)), options_);
    if (result.best.empty()) return std::nullopt;
    return std::move(result.best.front());
  }

  [[nodiscard]] std::optional<Change> change(std::string what, const Scenario& scenario) const {
    const std::optional<RankedPlan> plan = fastest(scenario);
    if (!plan) return std::nullopt;
    return Change{std::move(what), plan->plan, plan->estimate.memory.total(), plan->estimate.memory.host,
                  plan->estimate.step.median};
  }

  SearchOptions& options() { return options_; }

 private:
  SearchOptions options_;
};

std::optional<Change> on_the_host(const Scenario& scenario, Looking looking) {
  Wishes& wishes = looking.options().wishes;
  if (wishes.offload_optimizer) return std::nullopt;
  wishes.offload_optimizer = true;
  if (auto found = looking.change("the optimiser on the host", scenario)) return found;
  wishes.offload_activations = true;
  return looking.change("optimiser and activations on the host", scenario);
}

// Doubles the devices until something fits, then looks for the smallest number of whole nodes between the last two.
std::optional<Change> more_devices(Scenario scenario, const Looking& looking) {
  const int asked = scenario.gpus;
  const int node = node_of(scenario.cluster).devices;
  const int limit = scenario.cluster.max_gpus > 0 ? scenario.cluster.max_gpus : 1 << 16;
  int too_few = asked, enough = 0;
  for (scenario.gpus = asked < node ? node : 2 * asked; scenario.gpus <= limit && enough == 0; scenario.gpus *= 2) {
    (looking.any_fits(scenario) ? enough : too_few) = scenario.gpus;
  }
  if (enough == 0) return std::nullopt;
  constexpr int most_tries = 16;  // evenly spaced where there are more whole nodes between
  const int step = node * std::max(1, (enough - too_few) / (node * most_tries));
  for (scenario.gpus = too_few + step; scenario.gpus < enough; scenario.gpus += step) {
    if (looking.any_fits(scenario)) break;
  }
  scenario.gpus = std::min(scenario.gpus, enough);
  return looking.change(fmt::format("{} devices instead of {}", scenario.gpus, asked), scenario);
}

// The smallest device of the same maker in the catalogue whose cluster could run it with as many devices.
std::optional<Change> larger_device(const Scenario& scenario, const Looking& looking) {
  const Device& present = node_of(scenario.cluster).device;
  std::optional<Device> best;
  Scenario with_best = scenario;
  for (const std::string& name : device_names()) {
    const Result<Device> device = find_device(name);
    if (!device || device->vendor != present.vendor || device->memory.capacity <= present.memory.capacity) continue;
    if (best && device->memory.capacity >= best->memory.capacity) continue;
    Scenario other = scenario;
    const Result<Cluster> cluster = find_cluster(device->default_cluster);
    if (!cluster || !is_homogeneous(*cluster)) continue;
    other.cluster = *cluster;
    if (!looking.any_fits(other)) continue;
    best = *device;
    with_best = std::move(other);
  }
  if (!best) return std::nullopt;
  return looking.change(fmt::format("{} x {} ({} each) instead of {}", scenario.gpus, best->name,
                                    format(best->memory.capacity), present.name),
                        with_best);
}

std::optional<Change> shorter_sequence(Scenario scenario, const Looking& looking) {
  const int asked = scenario.job.sequence;
  for (scenario.job.sequence = asked / 2; scenario.job.sequence >= 512; scenario.job.sequence /= 2) {
    if (looking.any_fits(scenario))
      return looking.change(fmt::format("sequence {} instead of {}", scenario.job.sequence, asked), scenario);
  }
  return std::nullopt;
}

// Global batches within a sixth of this one that more replicas divide.
std::vector<int> nearby_batches(int global_batch, int gpus) {
  std::vector<int> list;
  const int common = std::gcd(global_batch, gpus);
  for (const int replicas : divisors(gpus)) {
    if (replicas <= common) continue;
    for (const int batch : {global_batch / replicas * replicas, (global_batch / replicas + 1) * replicas}) {
      if (batch > 0 && std::abs(batch - global_batch) * 6 <= global_batch) list.push_back(batch);
    }
  }
  std::ranges::sort(list, {}, [&](int batch) { return std::pair(std::abs(batch - global_batch), batch); });
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

}  // namespace

std::string binding_category(const MemoryUse& memory) {
  if (memory.total() <= memory.capacity && !memory.fits_host()) return "what is offloaded to the host";
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
  if (!is_valid(given, plan) || !supports(given, plan)) return;
  MemoryUse memory;
  ClosedForm(context).memory(price_split(context.scenario, context.kinds, split_of(plan)), plan, memory);
  if (memory.fits()) changes.push_back({std::move(what), plan, memory.total(), memory.host, std::nullopt});
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
  const ZeroExchange exchange = plan.pp > 1 ? context.scenario.given.stack.zero_in_pipelines : plan.zero_exchange;
  const bool every_pass = plan.pp > 1 && exchange == ZeroExchange::every_pass;
  const int last_zero = plan.dp * plan.cp == 1 ? 0 : every_pass ? 1 : 3;
  for (int zero = plan.zero + 1; zero <= last_zero; ++zero) {
    changed = plan;
    changed.zero = every.zero = zero;
    changed.zero_exchange = every.zero_exchange = zero >= 2 ? exchange : ZeroExchange::every_pass;
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

int usable_devices_below(Scenario scenario, const Wishes& wishes) {
  constexpr int farthest = 4096;
  const int asked = scenario.gpus;
  for (--scenario.gpus; scenario.gpus > 0 && asked - scenario.gpus <= farthest; --scenario.gpus) {
    if (!build_topology(scenario.cluster, scenario.gpus)) continue;
    bool any = false;
    for (const Split& split : splits(scenario, wishes)) {
      for_each_plan(scenario, split, [&](const Plan&) { any = true; }, wishes);
      if (any) return scenario.gpus;
    }
  }
  return 0;
}

namespace {

std::optional<Plan> first_plan(const Scenario& scenario, const Wishes& wishes) {
  std::optional<Plan> first;
  for (const Split& split : splits(scenario, wishes)) {
    const auto keep = [&](const Plan& plan) {
      if (!first) first = plan;
    };
    for_each_plan(scenario, split, keep, wishes);
    if (first) break;
  }
  return first;
}

}  // namespace

Problems why_empty(const Scenario& scenario, const Wishes& wishes) {
  Scenario lenient = scenario;
  lenient.stack.rules.clear();
  if (const std::optional<Plan> plan = first_plan(lenient, wishes)) return StackFacts(scenario).refusals(*plan);
  Problems problems;
  for (std::size_t i = 0; i < wishes.conditions.size(); ++i) {
    Wishes fewer = wishes;
    fewer.conditions.erase(fewer.conditions.begin() + static_cast<std::ptrdiff_t>(i));
    if (first_plan(scenario, fewer))
      problems.push_back({{},
                          fmt::format("no plan of the space has {}{}", wishes.conditions[i].text(),
                                      wishes.conditions.size() > 1 ? " and the other wishes" : ""),
                          "leave it out, or choose another value"});
  }
  return problems;
}

std::vector<CheaperBatch> cheaper_batches(const ClosedFormContext& context, const RankedPlan& best,
                                          const SearchOptions& options) {
  constexpr double worth_saying = 0.1;
  constexpr std::size_t most = 2, most_tries = 6;
  Scenario scenario = context.scenario.given;
  const int asked = scenario.job.global_batch;
  // Where many replicas divide it already, batches nearby do not differ by as much.
  if (std::gcd(asked, scenario.gpus) * 8 > scenario.gpus) return {};
  const Seconds now = best.estimate.step.median / static_cast<double>(asked);
  const Looking looking(options);
  std::vector<CheaperBatch> cheaper;
  std::size_t tries = 0;
  for (const int batch : nearby_batches(asked, scenario.gpus)) {
    if (cheaper.size() == most || ++tries > most_tries) break;
    scenario.job.global_batch = batch;
    std::optional<RankedPlan> plan = looking.fastest(scenario);
    if (!plan) continue;
    const double saving = 1 - plan->estimate.step.median / static_cast<double>(batch) / now;
    if (saving >= worth_saying) cheaper.push_back({batch, saving, *std::move(plan)});
  }
  return cheaper;
}

Advice advise(const ClosedFormContext& context, const NearestPlan& nearest, const SearchOptions& options) {
  Advice advice{.binding = binding_category(nearest.memory),
                .short_by = nearest.memory.short_by(options.headroom),
                .changes = {}};
  const Scenario& given = context.scenario.given;
  const Looking looking(options);
  const std::array found{on_the_host(given, looking), more_devices(given, looking), larger_device(given, looking),
                         shorter_sequence(given, looking)};
  for (const std::optional<Change>& change : found) {
    if (change) advice.changes.push_back(*change);
  }
  return advice;
}

}  // namespace forerun
