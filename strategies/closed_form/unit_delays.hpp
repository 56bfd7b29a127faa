// By how much longer the passes of a chunk are than the sum of their units, because parameters are gathered, gradients
// scattered, or activations copied to the host and back in every pass: ZeRO-2, ZeRO-3, offload.
#pragma once

#include "strategies/closed_form/replica_prices.hpp"
#include "strategies/closed_form/stage_layout.hpp"

namespace forerun {

struct PassDelay {
  Seconds sharding, offload;
};

class UnitDelays {
 public:
  // Reuses `storage`.
  UnitDelays(const ClosedFormContext&, const SplitPrices&, const Plan&, ReplicaPrices&, std::vector<Seconds>& storage);

  PassDelay operator()(const StageLayout::ChunkKind&, PassKind);

 private:
  struct Walk;

  Seconds sharding(PassKind);
  Seconds offload(PassKind);
  [[nodiscard]] Seconds copy_time(const BlockPrice&) const;
  [[nodiscard]] std::size_t last_equal(std::size_t unit) const;

  const ClosedFormContext& context_;
  const SplitPrices& prices_;
  const Plan& plan_;
  ReplicaPrices& replicas_;
  double hides_, contention_;
  std::vector<const BlockPrice*> units_;  // of the chunk, in the order of the pass
  std::vector<Seconds>& storage_;
};

}  // namespace forerun
