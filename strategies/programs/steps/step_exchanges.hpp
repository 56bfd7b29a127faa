// When replicas exchange what they exchange once a step: parameters that ZeRO-1 and 2 left in shards are gathered
// before the first forward, gradients of ZeRO-0 and 1 are reduced after the last backward; ZeRO-2 and 3 that exchange
// once a step do the same, but reduce only after all passes (PyTorch's pipelines). What goes in one piece is
// cut_buckets' affair (ZeRO-2 gathers unit by unit). The lowering writes it as instructions
// (training/training_stage.hpp), the closed form as delays (closed_form/data_parallel.hpp).
#pragma once

#include "strategies/plan/plan.hpp"

namespace forerun {

class StepExchanges {
 public:
  // `overlap`: the share of them that may hide (data_parallel_overlap).
  StepExchanges(const Plan& plan, double overlap)
      : gathers_(zero_in_step(plan) == 1 || zero_in_step(plan) == 2),
        reduces_(zero_in_step(plan) < 2),
        beside_(overlap > 0),
        late_(exchanges_once(plan)) {}

  [[nodiscard]] bool gathers() const { return gathers_; }
  [[nodiscard]] bool reduces() const { return reduces_; }
  [[nodiscard]] bool beside() const { return beside_; }  // computation; otherwise they stop it

  // Before all passes. visit.gather(chunk): all pieces in the order of forward, each waited for at once;
  // visit.issue_gathers(chunk): the same, waited for later.
  template <class Chunks, class Visitor>
  void before_passes(const Chunks& own, Visitor&& visit) const {
    if (!gathers_) return;
    for (const auto& chunk : own) beside_ ? visit.issue_gathers(chunk) : visit.gather(chunk);
  }

  // Around the first forward of a chunk: who waits for a message anyway waits for all pieces before it, otherwise each
  // unit waits for its own.
  template <class Chunk, class Visitor>
  void first_forward(const Chunk& chunk, bool receives, Visitor&& visit) const {
    if (!gathers_ || !beside_) return;
    receives ? visit.wait_for_all(chunk) : visit.wait_unit_by_unit(chunk);
  }

  // In the last pass of a chunk that makes gradients of weights: behind the unit that completes them.
  [[nodiscard]] bool reduces_in_last_pass() const { return reduces_ && beside_ && !late_; }
  // After all passes.
  [[nodiscard]] bool reduces_at_end() const { return reduces_ && !reduces_in_last_pass(); }

 private:
  bool gathers_, reduces_, beside_, late_;
};

}  // namespace forerun
