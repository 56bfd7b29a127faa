// When nothing fits: what binds, and the smallest changes that would fit.
#pragma once

#include <string>
#include <vector>

#include "strategies/search/search.hpp"

namespace forerun {

struct Change {
  std::string what;   // "128 GPUs instead of 8"
  Plan plan;          // that fits then
  Bytes total;        // memory of that plan at its peak
};

struct Advice {
  std::string binding;           // "optimizer states at stage 0"
  Bytes short_by;
  std::vector<Change> changes;   // one of each kind that helps: more devices, larger devices, a shorter sequence
};

// `nearest` is the plan of the space that needs least memory; `headroom` the share of a device that must stay free.
Advice advise(const ClosedFormContext&, const NearestPlan& nearest, double headroom = 0);

// The smallest changes of a plan that does not fit on the same devices: single options first (sequence parallelism,
// recompute, ZeRO, micro-batch), and only where none is enough all of them together. Empty: it cannot be helped without
// another split or more devices.
std::vector<Change> adjust(const ClosedFormContext&, const Plan&);

// The largest number of devices below the scenario's with which the space has any plan; 0: none within 4,096 fewer.
int usable_devices_below(Scenario);

// The largest category of memory at the peak stage: "optimizer states at stage 0".
std::string binding_category(const MemoryUse&);

}  // namespace forerun
