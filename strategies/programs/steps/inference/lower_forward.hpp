// A forward step of a plan as a Program: no gradients, no optimiser states, nothing kept for a backward.
#pragma once

#include "strategies/programs/steps/inference/forward_batch.hpp"
#include "strategies/programs/steps/roles.hpp"

namespace forerun {

// The plan and the batch must be valid (check_forward). Weights lie in the format of activations. The last stage ends
// each pass with the logits of all positions: what the operator `head` writes. Chunks run their micro-batches in the
// order of forward_schedule.
Program lower_forward(const PricedScenario&, const Plan&, const ForwardBatch&, const LowerOptions& = {});

}  // namespace forerun
