// The best plans of a scenario by exhaustive search, with a certificate that nothing was left out.
#pragma once

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "strategies/closed_form/closed_form.hpp"
#include "strategies/search/wishes.hpp"

namespace forerun {

struct RankedPlan {
  Plan plan;
  Estimate estimate;
};

// Plans of one kind cut the model and its data over the ranks alike; they differ in what is easily varied: kind of
// context parallelism, virtual stages, schedule, micro-batch, sharding, recompute.
struct PlanKind {
  int tp = 1, cp = 1, pp = 1, ep = 1, dp = 1;

  auto operator<=>(const PlanKind&) const = default;
};
PlanKind kind_of(const Plan&);

// Every plan of the space is counted once: total = evaluated + pruned_memory + pruned_bound.
struct Certificate {
  std::int64_t total = 0;
  std::int64_t evaluated = 0;      // priced in full
  std::int64_t pruned_memory = 0;  // does not fit
  std::int64_t pruned_bound = 0;   // no bounds are used so far
};

// What can be left out of a plan to see what it is worth.
enum class Feature : std::uint8_t { tp, sp, cp, pp, virtual_stages, ep, dp, zero, recompute, offload };
inline constexpr std::size_t feature_count = 10;
std::string_view to_string(Feature);
bool uses(const Plan&, Feature);

struct LeftOut {
  Feature feature{};
  std::optional<RankedPlan> best;  // of the plans that fit without it; none: nothing fits
};

struct NearestPlan {
  Plan plan;
  MemoryUse memory;
};

struct SearchResult {
  // Of the best kinds the best variants, fastest first; ties by their place in the space.
  std::vector<RankedPlan> best;
  std::vector<LeftOut> left_out;         // for each feature that the best plan uses
  std::optional<RankedPlan> rule_of_thumb;
  Certificate certificate;
  std::optional<NearestPlan> nearest;    // where nothing fits: the plan that needs least memory
};

struct SearchOptions {
  std::size_t top = 5;       // kinds of plans
  std::size_t variants = 4;  // of each kind
  Wishes wishes = {};
  double headroom = 0;  // share of a device's memory that a plan must leave free
  int threads = 0;  // 0: all cores
  std::function<void(double done)> progress = [](double) {};  // share done, from any thread
};

// Same plans, same counts and same bytes for any number of threads.
SearchResult search(const ClosedFormContext&, const SearchOptions& = {});

// The baseline of Narayanan et al. 2021, takeaway 2: one copy of the model over as few devices as hold it, tensor
// parallelism first (up to the node), then pipeline stages; data parallelism over the rest. The least recompute with
// which any copy fits, sequence parallelism and ZeRO as the stack does, micro-batch 1.
std::optional<RankedPlan> rule_of_thumb(const ClosedFormContext&, double headroom = 0, const Wishes& = {});

}  // namespace forerun
