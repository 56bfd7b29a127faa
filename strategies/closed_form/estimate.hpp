// What a plan costs: time, memory, bytes, energy, money, each broken down.
#pragma once

#include <optional>
#include <string>

#include "costmodel/timing.hpp"
#include "strategies/programs/breakdown.hpp"
#include "strategies/programs/memory_use.hpp"
#include "strategies/programs/traffic.hpp"

namespace forerun {

struct Estimate {
  Timing step;
  Seconds lower_bound;  // no order of the plan's passes makes a step shorter: see ClosedForm
  Breakdown breakdown;
  MemoryUse memory;
  Traffic traffic;      // of the rank that sends most, a step
  double tokens_per_second = 0;  // all devices
  // Model FLOPs over the job's dense peak x devices x step, of attention what mask and window leave.
  double mfu = 0;
  double mfu_full_square = 0;  // of attention the full square, as Narayanan et al. 2021 count
  double hfu = 0;              // as mfu, with recomputed FLOPs
  Joules energy;  // of all devices, a step
  std::optional<Dollars> cost;  // of a step, where the device has a price
};

// Why a plan does not fit: an answer, not an error.
struct DoesNotFit {
  MemoryUse memory;
  std::string binding;  // "activations at stage 0"
};

}  // namespace forerun
