// A training step of one pipeline stage: what comes before all passes (the framework's floor, parameters that ZeRO-1
// and 2 left in shards), forward and backward passes by the table, and what comes after them (gradients reduced, the
// update). training_stage.cpp has chunks and passes, step_ends.cpp what is before and after them.
#pragma once

#include "strategies/programs/held_memory.hpp"
#include "strategies/programs/steps/stage_messages.hpp"
#include "strategies/programs/steps/step_exchanges.hpp"
#include "strategies/programs/steps/training/unit_emission.hpp"
#include "strategies/programs/steps/unit_script.hpp"

namespace forerun {

// What all stages of a plan have in common.
struct TrainingPlan {
  const Scenario& given;
  const Plan& plan;
  const BlockKinds& kinds;
  const SplitPrograms& programs;
  const ScheduleTable& table;
};

class TrainingStage {
 public:
  TrainingStage(const TrainingPlan&, int stage);
  StageProgram lower();

 private:
  // Parameters that are on their way since before the first pass.
  struct Gathering {
    int chunk = 0;  // of the stage's own
    std::size_t unit = 0;  // of the chunk: the first that needs them
    TokenId token{};
  };
  // When they are issued and waited for, as StepExchanges says.
  struct GathersAtStart;
  struct WaitsInFirstForward;

  void add_chunk(int local);
  [[nodiscard]] StageWeights weights() const;

  // --- passes
  void passes();
  std::uint32_t pass_body(const TrainingChunk&, PassKind, bool special);
  void forward(const TrainingChunk&, UnitEmission&, bool first);
  void backward(const TrainingChunk&, PassKind, UnitEmission&, bool last);
  [[nodiscard]] bool reduces_in_passes(const TrainingChunk&) const;
  void reduce_completed(const TrainingChunk&, std::size_t unit);

  // --- before and after them
  void prologue();
  [[nodiscard]] std::vector<ReplicaPiece> pieces_at_start(const TrainingChunk&) const;
  void epilogue();
  void reduce_at_end(const TrainingChunk&);
  void exchange_at_end(const Communication&);
  [[nodiscard]] std::int64_t own_gradients() const;
  void update();
  void update_on_the_host(std::int64_t parameters);

  const Scenario& given_;
  const Plan& plan_;
  const BlockKinds& kinds_;
  const SplitPrograms& programs_;
  const ScheduleTable& table_;
  StageEmission emit_;
  std::uint32_t settle_;
  StageMessages messages_;
  UnitTokens between_units_;
  ReplicaExchanges replicas_;
  StepExchanges exchanges_;
  std::vector<TrainingChunk> chunks_;
  std::vector<Gathering> gathers_;
  std::vector<TokenId> reductions_;
};

}  // namespace forerun
