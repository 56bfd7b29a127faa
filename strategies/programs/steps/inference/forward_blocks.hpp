// The blocks of a forward step.
#pragma once

#include "strategies/plan/scenario.hpp"
#include "strategies/programs/steps/inference/forward_batch.hpp"
#include "strategies/programs/steps/stage_program.hpp"

namespace forerun {

// The scenario as a forward step has it: without dropout.
Scenario without_dropout(Scenario);

// The different micro-batches of a batch, in the order in which they first come, and which of them each one is.
struct BatchShapes {
  std::vector<MicroBatch> distinct;
  std::vector<std::size_t> of_micro_batch;
};
BatchShapes shapes_of(const ForwardBatch&);

// Forward passes of a split's blocks over one micro-batch; the head ends with the logits. `load`: rows that this rank's
// experts draw over the balanced number.
SplitPrograms lower_forward_split(const Scenario&, const BlockKinds&, const Split&, const MicroBatch&, double load);

}  // namespace forerun
