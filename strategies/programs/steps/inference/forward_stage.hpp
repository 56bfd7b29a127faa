// A forward step of one pipeline stage: the framework's floor, then forward passes by the table, each over a
// micro-batch of its own lengths. Every tensor is released by the last that reads it.
#pragma once

#include "strategies/programs/steps/inference/forward_blocks.hpp"
#include "strategies/programs/steps/stage_messages.hpp"

namespace forerun {

// What all stages of a plan have in common.
struct ForwardPlan {
  const Scenario& given;  // without dropout
  const Plan& plan;
  const BlockKinds& kinds;
  const BatchShapes& shapes;
  const std::vector<SplitPrograms>& programs;  // by shape
  const ScheduleTable& table;
};

class ForwardStage {
 public:
  ForwardStage(const ForwardPlan&, int stage);
  StageProgram lower();

 private:
  void add_chunk(int local);
  [[nodiscard]] Chunk place(int local, std::size_t shape);
  void passes();
  std::uint32_t pass_body(const Chunk&);
  [[nodiscard]] StageMemory held() const;

  const ForwardPlan& of_;
  StageEmission emit_;
  StageMessages messages_;
  std::vector<std::vector<Chunk>> chunks_;  // [local chunk][shape]
};

}  // namespace forerun
