// The closed form: a plan priced without building its program. Level 0 of the fidelity ladder, for the search.
//
// Beside the time stands a lower bound: on each stage, all its passes after the first micro-batch has come to it, and
// then its update or (where the schedule ends with backwards) the way of the last micro-batch back, whichever is
// longer; each pass as long as its blocks alone, because what runs beside them can only slow them.
//
// Memory is that of the program to the byte: the same lowered blocks, summed over chunks, and the schedule's highest
// point. Time takes the blocks replayed alone, and adds what happens between them in formulas: pipeline_time.hpp,
// exchange_clock.hpp. Wrong where parts of a step disturb each other in ways that these do not see: sends beside
// collectives, unequal stages whose replicas exchange gradients while others still work.
#pragma once

#include <memory>

#include "strategies/closed_form/context.hpp"
#include "strategies/closed_form/estimate.hpp"

namespace forerun {

class PlanPricer;
struct PassTimes;
struct SplitPrices;

// Prices plans of one scenario; holds scratch memory and tables of what plans share (prices of exchanges, layouts of
// pipelines, schedules), so one a thread. Plans must be valid (check_plan), prices those of the plan's split
// (block_price.hpp). Results are overwritten and their vectors reused.
class ClosedForm {
 public:
  explicit ClosedForm(const ClosedFormContext&);
  ClosedForm(const ClosedForm&) = delete;
  ClosedForm& operator=(const ClosedForm&) = delete;
  ~ClosedForm();

  void memory(const SplitPrices&, const Plan&, MemoryUse&);
  // All but the memory, for the plan of the last call to memory().
  void time(const SplitPrices&, const Plan&, Estimate&);
  void evaluate(const SplitPrices&, const Plan&, Estimate&);  // both
  const PassTimes& times(const SplitPrices&, const Plan&);    // of the passes of all chunks

 private:
  std::unique_ptr<PlanPricer> pricer_;
};

// One plan from scratch.
Estimate estimate(const PricedScenario&, const Plan&);

}  // namespace forerun
