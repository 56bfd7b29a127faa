// What a forward step runs, and whether a plan can run it.
#pragma once

#include "base/result.hpp"
#include "strategies/plan/micro_batch.hpp"

namespace forerun {

struct Plan;
struct Scenario;

// The micro-batches of one pipeline, in their order. Lengths may differ within a micro-batch and between them; each
// replica runs a batch of the same lengths.
using ForwardBatch = std::vector<MicroBatch>;

// Every reason why the plan cannot run a forward step of the batch, each with what would be valid; empty: it can. What
// only means something to a training step is a problem here (ZeRO, offload, recomputation, schedules that give a stage
// chunks for its backwards); of a pipeline's schedule only the number of virtual stages counts. The plan's micro_batch
// and the job's sequence and batch are not looked at.
Problems check_forward(const Scenario&, const Plan&, const ForwardBatch&);

}  // namespace forerun
