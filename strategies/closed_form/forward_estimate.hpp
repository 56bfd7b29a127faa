// A forward step (programs/steps/inference) priced without building its program.
//
// Time: a stage runs the passes of its table one after the other, each as soon as its message is there. With F the
// chunk's blocks, replayed alone, a the share of a message that may hide, and t the message's time,
//   end = max(end of the pass before, arrival) + F + (1 - a) t,   arrival at the next stage = end + a t,
// where what hides of one message waits for that of the one before. Wrong where communication of one block still runs
// beside the next one.
//
// Memory is that of the program to the byte: weights and buffers, and the highest point of any pass. Nothing is left
// between two passes.
#pragma once

#include "costmodel/timing.hpp"
#include "strategies/programs/memory_use.hpp"
#include "strategies/programs/steps/inference/forward_batch.hpp"

namespace forerun {

struct PricedScenario;

struct ForwardEstimate {
  Timing step;  // until the last stage is done with the last micro-batch
  MemoryUse memory;
  double tokens_per_second = 0;  // of all replicas
};

// The plan and the batch must be valid (check_forward).
ForwardEstimate estimate_forward(const PricedScenario&, const Plan&, const ForwardBatch&);

}  // namespace forerun
