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
  std::vector<Bytes> on_host;  // what one device of each stage keeps in the memory of its node
  Bytes host;           // of the fullest node
  Bytes host_capacity;  // of a node; 0: not known, and not checked

  [[nodiscard]] const StageMemory& peak() const { return stages[static_cast<std::size_t>(peak_stage)]; }
  [[nodiscard]] Bytes total() const { return peak().allocated() + reserve + context; }
  // With a share of the capacity left free: what an allocator reserves varies between ranks and runs.
  [[nodiscard]] bool fits(double headroom_share = 0) const {
    return total() <= (1 - headroom_share) * capacity && fits_host();
  }
  [[nodiscard]] bool fits_host() const { return host_capacity == Bytes{0} || host <= host_capacity; }
  [[nodiscard]] Bytes headroom() const { return capacity - total(); }  // negative: short by that much
  // What is missing where it does not fit: of a device, or of a node's own memory.
  [[nodiscard]] Bytes short_by(double headroom_share = 0) const {
    const Bytes device = total() - (1 - headroom_share) * capacity;
    return device > Bytes{0} || fits_host() ? device : host - host_capacity;
  }
};

// Fills in what does not depend on a stage: the peak stage, what the allocator reserves, the runtime's context.
void finish(const PricedScenario&, const Plan&, MemoryUse&);

}  // namespace forerun
