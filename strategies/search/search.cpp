#include "strategies/search/search.hpp"

#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <map>

#include "strategies/closed_form/block_price.hpp"
#include "strategies/plan/check_plan.hpp"
#include "strategies/search/search_space.hpp"

namespace forerun {
namespace {

// A place in the space: breaks ties, so that the answer does not depend on threads.
struct Place {
  std::size_t split = 0, plan = 0;
  auto operator<=>(const Place&) const = default;
};

template <class Key>
struct Candidate {
  Key key{};
  Place place;
  Plan plan;
  [[nodiscard]] bool before(const Candidate& other) const {
    return key != other.key ? key < other.key : place < other.place;
  }
};

// What one thread has seen. Merging is a minimum and a sum, so its order does not matter.
struct Findings {
  using Variants = std::vector<Candidate<Seconds>>;  // sorted

  Certificate certificate;
  std::map<PlanKind, Variants> kinds;
  std::array<std::optional<Candidate<Seconds>>, feature_count> without;
  std::optional<Candidate<Bytes>> smallest;

  static void rank(Variants& variants, const Candidate<Seconds>& candidate, std::size_t most) {
    if (variants.size() == most && !candidate.before(variants.back())) return;
    const auto at = std::ranges::find_if(variants, [&](const auto& other) { return candidate.before(other); });
    variants.insert(at, candidate);
    if (variants.size() > most) variants.pop_back();
  }
  template <class Key>
  static void keep(std::optional<Candidate<Key>>& kept, const Candidate<Key>& candidate) {
    if (!kept || candidate.before(*kept)) kept = candidate;
  }
  void merge(const Findings& other, std::size_t variants) {
    certificate.total += other.certificate.total;
    certificate.evaluated += other.certificate.evaluated;
    certificate.pruned_memory += other.certificate.pruned_memory;
    for (const auto& [kind, candidates] : other.kinds) {
      for (const auto& candidate : candidates) rank(kinds[kind], candidate, variants);
    }
    for (std::size_t f = 0; f < feature_count; ++f) {
      if (other.without[f]) keep(without[f], *other.without[f]);
    }
    if (other.smallest) keep(smallest, *other.smallest);
  }
  // The variants of the `top` best kinds, all in one order.
  [[nodiscard]] Variants best(std::size_t top) const {
    std::vector<const Variants*> order;
    for (const auto& [kind, variants] : kinds) order.push_back(&variants);
    std::ranges::sort(order, [](const Variants* a, const Variants* b) { return a->front().before(b->front()); });
    order.resize(std::min(order.size(), top));
    Variants best;
    for (const Variants* variants : order) best.insert(best.end(), variants->begin(), variants->end());
    std::ranges::sort(best, [](const auto& a, const auto& b) { return a.before(b); });
    return best;
  }
};

// One thread's workplace.
class Worker {
 public:
  Worker(const ClosedFormContext& context, const SearchOptions& options)
      : context_(context), options_(options), splits_(context.scenario, context.kinds), form_(context) {}

  void visit(const Split& split, std::size_t split_index) {
    const SplitPrices prices = splits_(split);
    Place place{split_index, 0};
    const auto look = [&](const Plan& plan) {
      ++found.certificate.total;
      form_.memory(prices, plan, estimate_.memory);
      if (!estimate_.memory.fits(options_.headroom)) {
        ++found.certificate.pruned_memory;
        Findings::keep(found.smallest, {estimate_.memory.total(), place, plan});
      } else {
        ++found.certificate.evaluated;
        form_.time(prices, plan, estimate_);
        const Candidate<Seconds> candidate{estimate_.step.median, place, plan};
        Findings::rank(found.kinds[kind_of(plan)], candidate, options_.variants);
        for (std::size_t f = 0; f < feature_count; ++f) {
          if (!uses(plan, static_cast<Feature>(f))) Findings::keep(found.without[f], candidate);
        }
      }
      ++place.plan;
    };
    for_each_plan(context_.scenario.given, split, look, options_.wishes);
  }

  Findings found;

 private:
  const ClosedFormContext& context_;
  const SearchOptions& options_;
  SplitPricer splits_;
  ClosedForm form_;
  Estimate estimate_;
};

RankedPlan priced(const ClosedFormContext& context, const Plan& plan) {
  ClosedForm form(context);
  RankedPlan ranked{plan, {}};
  form.evaluate(price_split(context.scenario, context.kinds, split_of(plan)), plan, ranked.estimate);
  return ranked;
}

Findings explore(const ClosedFormContext& context, const SearchOptions& options) {
  const std::vector<Split> all = splits(context.scenario.given, options.wishes);
  tbb::enumerable_thread_specific<Worker> workers([&] { return Worker(context, options); });
  std::atomic<std::size_t> done{0};
  tbb::task_arena arena(options.threads > 0 ? options.threads : tbb::task_arena::automatic);
  arena.execute([&] {
    tbb::parallel_for(tbb::blocked_range<std::size_t>(0, all.size()), [&](const auto& range) {
      Worker& worker = workers.local();
      for (std::size_t i = range.begin(); i != range.end(); ++i) worker.visit(all[i], i);
      const std::size_t now = done += range.size();
      options.progress(static_cast<double>(now) / static_cast<double>(all.size()));
    });
  });
  Findings findings;
  for (const Worker& worker : workers) findings.merge(worker.found, options.variants);
  return findings;
}

}  // namespace

PlanKind kind_of(const Plan& p) { return {p.tp, p.cp, p.pp, p.ep, p.dp}; }

std::string_view to_string(Feature feature) {
  static constexpr std::array<std::string_view, feature_count> names{"TP", "SP", "CP",   "PP",        "virtual stages",
                                                                     "EP", "DP", "ZeRO", "recompute", "offload"};
  return names[static_cast<std::size_t>(feature)];
}

bool uses(const Plan& plan, Feature feature) {
  switch (feature) {
    case Feature::tp:
      return plan.tp > 1;
    case Feature::sp:
      return plan.sp;
    case Feature::cp:
      return plan.cp > 1;
    case Feature::pp:
      return plan.pp > 1;
    case Feature::virtual_stages:
      return plan.virtual_stages > 1;
    case Feature::ep:
      return plan.ep > 1;
    case Feature::dp:
      return plan.dp > 1;
    case Feature::zero:
      return plan.zero > 0;
    case Feature::recompute:
      return plan.recompute != Recompute::none;
    case Feature::offload:
      return plan.offload != Offload{};
  }
  return false;
}

SearchResult search(const ClosedFormContext& context, const SearchOptions& options) {
  const Findings findings = explore(context, options);
  SearchResult result;
  result.certificate = findings.certificate;
  for (const auto& candidate : findings.best(options.top)) result.best.push_back(priced(context, candidate.plan));
  if (!result.best.empty()) {
    for (std::size_t f = 0; f < feature_count; ++f) {
      const auto feature = static_cast<Feature>(f);
      if (!uses(result.best.front().plan, feature)) continue;
      const auto& best = findings.without[f];
      result.left_out.push_back({feature, best ? std::optional(priced(context, best->plan)) : std::nullopt});
    }
    result.rule_of_thumb = rule_of_thumb(context, options.headroom, options.wishes);
  } else if (findings.smallest) {
    const Plan& plan = findings.smallest->plan;
    NearestPlan nearest{plan, {}};
    ClosedForm(context).memory(price_split(context.scenario, context.kinds, split_of(plan)), plan, nearest.memory);
    result.nearest = nearest;
  }
  return result;
}

std::optional<RankedPlan> rule_of_thumb(const ClosedFormContext& context, double headroom, const Wishes& wishes) {
  const Scenario& given = context.scenario.given;
  const int node = node_of(given.cluster).devices;
  const StackFacts facts(given, wishes.conditions);
  const auto tensor = [&](int tp) {
    Split split;
    split.tp = tp, split.sp = tp > 1 && (given.stack.sequence_parallel || is_mixture(given.model));
    return split;
  };
  for (const Recompute recompute : {Recompute::none, Recompute::selective, Recompute::full}) {
    for (const int devices : divisors(given.gpus)) {  // of one copy of the model
      Plan plan;
      for (const int tp : divisors(devices)) {
        if (tp <= node && (tp == 1 || given.stack.has_tp) && suits_model(given, tensor(tp))) plan.tp = tp;
      }
      plan.sp = tensor(plan.tp).sp, plan.pp = devices / plan.tp, plan.dp = given.gpus / devices,
      plan.recompute = recompute;
      const bool once = plan.pp > 1 && given.stack.zero_in_pipelines == ZeroExchange::once_a_step;
      plan.zero = plan.dp > 1 ? plan.pp > 1 && !once ? std::min(given.stack.zero, 1) : given.stack.zero : 0;
      if (once && plan.zero >= 2) plan.zero_exchange = ZeroExchange::once_a_step;
      if (is_mixture(given.model)) {  // experts over as much of the node as their number allows
        for (const int ep : divisors(node)) {
          Plan wider = plan;
          wider.ep = ep;
          if (is_valid(given, wider) && supports(given.stack, facts, wider)) plan = wider;
        }
      }
      if (!is_valid(given, plan) || !supports(given.stack, facts, plan)) continue;
      RankedPlan ranked = priced(context, plan);
      if (ranked.estimate.memory.fits(headroom)) return ranked;
    }
  }
  return std::nullopt;
}

}  // namespace forerun
