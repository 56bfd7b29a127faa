// The closed form: a plan priced without building its program. Level 0 of the fidelity ladder, for the search.
//
// Beside the time stands a lower bound: on each stage, all its passes after the first micro-batch has come to it, and then its update or (where the schedule ends
// with backwards) the way of the last micro-batch back, whichever is longer; each pass as long as its blocks alone, because what runs beside them can only slow them.
//
// Memory is that of the program to the byte: the same lowered blocks, summed over chunks, and the schedule's highest point. Time takes the blocks replayed
// alone, and adds what happens between them in formulas: pipeline_time.hpp, exchange_clock.hpp. Wrong where parts of a step disturb each other in ways that
// these do not see: sends beside collectives, unequal stages whose replicas exchange gradients while others still work.
#pragma once

#include <optional>
#include <utility>

#include "strategies/chunk_memory.hpp"
#include "strategies/estimate.hpp"
#include "strategies/exchange_clock.hpp"
#include "strategies/pipeline_time.hpp"

namespace forerun {

// What depends on a scenario but on no plan, computed once; thread-safe to share.
struct ClosedFormContext {
  explicit ClosedFormContext(PricedScenario scenario);

  PricedScenario scenario;
  BlockKinds kinds;
  StateBytes state;
  Flops model_flops;                // of one step, all devices, without recompute
};

// Prices plans of one scenario; holds scratch memory, so one a thread. Plans must be valid (check_plan), prices those of
// the plan's split. Results are overwritten and their vectors reused.
class ClosedForm {
 public:
  explicit ClosedForm(const ClosedFormContext& context) : context_(context) {}
  void memory(const SplitPrices&, const Plan&, MemoryUse&);
  void time(const SplitPrices&, const Plan&, Estimate&);  // everything but the memory, for the plan of the last call to memory()
  void evaluate(const SplitPrices&, const Plan&, Estimate&);  // both
  const PassTimes& times(const SplitPrices&, const Plan&);    // of the passes of all chunks

 private:
  struct Hop {
    Seconds all, stops;
    double spread = 0;
  };
  Hop hop_;                                            // of the last plan
  std::vector<std::pair<Seconds, Seconds>> delays_;    // sharding and offload, of each chunk of each stage and each kind of pass
  [[nodiscard]] Hop hop_of(const SplitPrices&, const Plan&) const;
  void pass_times(const SplitPrices&, const Plan&);
  [[nodiscard]] Seconds lower_bound(const SplitPrices&, const Plan&, double runs);
  void count_sends(const SplitPrices&, const Plan&, double runs, Traffic&) const;
  [[nodiscard]] Seconds mirror_time(const Plan&, std::int64_t dense, std::int64_t expert) const;

  const ClosedFormContext& context_;
  StageLayout layout_;
  std::vector<ChunkMemory> chunks_, own_;
  PassTimes times_;
  PipelineTime pipeline_;
  std::vector<Seconds> finish_;
  std::vector<Seconds> storage_;
};

// One plan from scratch.
Estimate estimate(const PricedScenario&, const Plan&);

// Does the schedule run B and W at different times?
bool splits_backward(const Plan&);

}  // namespace forerun
