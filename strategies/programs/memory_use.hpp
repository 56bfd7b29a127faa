// Memory of a plan, by stage and category.
#pragma once

#include <vector>

#include "strategies/programs/memory_categories.hpp"

namespace forerun {

struct Plan;
struct PricedScenario;

struct MemoryUse {
  std::vector<StageMemory> stages;  // each when it holds most
  int peak_stage = 0;
  Bytes reserve;        // of the caching allocator over what is allocated, at the peak stage
  Bytes context;        // driver, libraries and communicators, outside the allocator
  Bytes capacity;       // of the device

  [[nodiscard]] const StageMemory& peak() const { return stages[static_cast<std::size_t>(peak_stage)]; }
  [[nodiscard]] Bytes total() const { return peak().allocated() + reserve + context; }
  // With a share of the capacity left free: what an allocator reserves varies between ranks and runs.
  [[nodiscard]] bool fits(double headroom_share = 0) const { return total() <= (1 - headroom_share) * capacity; }
  [[nodiscard]] Bytes headroom() const { return capacity - total(); }  // negative: short by that much
};

// Fills in what does not depend on a stage: the peak stage, what the allocator reserves, the runtime's context.
void finish(const PricedScenario&, const Plan&, MemoryUse&);

}  // namespace forerun
