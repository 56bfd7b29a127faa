// What the closed form knows of a scenario before it sees a plan.
#pragma once

#include <memory>

#include "strategies/plan/scenario.hpp"
#include "workloads/models/block_kinds.hpp"

namespace forerun {

// What depends on a scenario but on no plan, computed once; thread-safe to share.
struct ClosedFormContext {
  explicit ClosedFormContext(PricedScenario scenario);
  // Other software of the same precision on the same devices: `stack`, whose kernels and exchanges take these times.
  void exchange(const Stack& stack, std::shared_ptr<const KernelModel>, std::shared_ptr<const CollectiveModel>);

  PricedScenario scenario;
  BlockKinds kinds;
  StateBytes state;
  bool has_experts;
  // Of one step, all devices, without recompute: with what mask and window leave of attention, and with all of it.
  Flops model_flops, full_square_flops;
  FlopsPerSecond peak_rate;   // of all devices
  Seconds floor;              // host_per_step in whole picoseconds
};

}  // namespace forerun
