// How large a simulation would be, before anything of that size is built.
#pragma once

#include <cstdint>

#include "base/quantity.hpp"
#include "strategies/plan/scenario.hpp"

namespace forerun::cli {

// Tasks of a plan's simulation. Passes beyond the first few micro-batches add alike, so that a program of as few of
// them as tell is lowered: it takes milliseconds, whatever the global batch.
class SimulationSize {
 public:
  SimulationSize(const PricedScenario&, const Plan&, bool every_rank);

  [[nodiscard]] double tasks() const { return of(micro_batches_); }
  // Measured with 7 and 20 million: 45 B each, 110 B where each is one of a trace's; 0.3 to 2.2 us.
  [[nodiscard]] Bytes memory(bool detailed) const { return Bytes{(detailed ? 120 : 50) * tasks()}; }
  [[nodiscard]] Seconds time() const { return Seconds{2.2e-6 * tasks()}; }
  // The largest global batch whose simulation has so many tasks, with the plan's micro-batch; 0: there is none.
  [[nodiscard]] std::int64_t largest_batch(double tasks) const;
  // The smallest micro-batch with which the plan's global batch has so many; 0: there is none.
  [[nodiscard]] std::int64_t least_micro_batch(double tasks) const;

 private:
  [[nodiscard]] double of(std::int64_t micro_batches) const;

  std::int64_t micro_batches_, sequences_, step_;  // of a replica; micro-batches come in multiples of `step_`
  int micro_batch_, replicas_;
  double fixed_ = 0, each_ = 0;  // tasks, and tasks of a micro-batch
};

}  // namespace forerun::cli
