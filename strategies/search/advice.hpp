// When nothing fits: what binds, and the smallest changes that would fit.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "strategies/search/search.hpp"

namespace forerun {

struct Change {
  std::string what;   // "128 GPUs instead of 8"
  Plan plan;          // that fits then
  Bytes total;        // memory of that plan at its peak
  Bytes host;         // of a node's own memory
  std::optional<Seconds> step;  // in closed form, of the fastest plan with that change; none: it was not looked for
};

struct Advice {
  std::string binding;           // "optimizer states at stage 0"
  Bytes short_by;
  std::vector<Change> changes;   // one of each kind that helps: offload, more or larger devices, a shorter sequence
};

// `nearest` is the plan of the space that needs least memory; the options are those of the search.
Advice advise(const ClosedFormContext&, const NearestPlan& nearest, const SearchOptions& = {});

// The smallest changes of a plan that does not fit on the same devices: single options first (sequence parallelism,
// recompute, ZeRO, micro-batch), and only where none is enough all of them together. Empty: it cannot be helped without
// another split or more devices.
std::vector<Change> adjust(const ClosedFormContext&, const Plan&);

// The largest number of devices below the scenario's with which the space has any plan; 0: none within 4,096 fewer.
int usable_devices_below(Scenario, const Wishes& = {});

// Why the space has no plan: the rules of the software that refuse the first plan that would be there, or the wish
// without which there are some. Empty: neither.
Problems why_empty(const Scenario&, const Wishes&);

// A global batch nearby with which a sequence is at least a tenth cheaper, as where too few replicas divide the one
// that was asked for.
struct CheaperBatch {
  int global_batch = 0;
  double saving = 0;  // of the time of a sequence
  RankedPlan best;
};
// At most two, the nearest first. `best`: the fastest plan of the scenario.
std::vector<CheaperBatch> cheaper_batches(const ClosedFormContext&, const RankedPlan& best, const SearchOptions& = {});

// The largest category of memory at the peak stage: "optimizer states at stage 0".
std::string binding_category(const MemoryUse&);

}  // namespace forerun
