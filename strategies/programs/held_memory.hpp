// What a stage holds from the beginning of a step to its end: parameters, gradients, optimiser states, buffers.
#pragma once

#include <algorithm>

#include "strategies/plan/scenario.hpp"
#include "strategies/programs/program.hpp"

namespace forerun {

// Parameters of a stage on one rank, before ZeRO: trained ones, and those that are not in elements of the activations'
// format.
struct StageWeights {
  std::int64_t dense = 0, expert = 0, frozen = 0, frozen_experts = 0;
  std::int64_t replicated = 0;  // of `dense`, over a tensor group (block_program.hpp)
  std::int64_t largest = 0;  // trained parameters of one unit

  template <class Unit>  // a block's program or price
  void add(const Unit& unit, int n = 1) {
    add(StageWeights{unit.parameters, unit.expert_parameters, unit.frozen, unit.frozen_experts, unit.replicated,
                     unit.parameters + unit.expert_parameters},
        n);
  }
  void add(const StageWeights& w, int n = 1) {
    replicated += n * w.replicated, dense += n * w.dense, expert += n * w.expert, frozen += n * w.frozen,
        frozen_experts += n * w.frozen_experts;
    largest = std::max(largest, w.largest);
  }
};
StageMemory held_memory(const Scenario&, const Plan&, const StageWeights&, Bytes boundary);
// The same where the bytes of a parameter are known.
StageMemory held_memory(const Scenario&, const StateBytes&, const Plan&, const StageWeights&, Bytes boundary);

// In a forward step: weights in the format of activations, the buffer of one send (`boundary`: the largest).
StageMemory held_forward_memory(const Scenario&, const Plan&, const StageWeights&, Bytes boundary);

// What a device of a stage keeps in the memory of its node for the whole step: under offload.optimizer the states of
// its share and their gradients in fp32 (16 bytes a parameter of Adam: DeepSpeed's estimator of ZeRO-Offload), or
// moments that are paged.
Bytes held_on_host(const Scenario&, const StateBytes&, const Plan&, const StageWeights&);

// Of one element of a unit's gradients until they are scattered (ZeRO-2 and 3).
Bytes sharded_gradient(const StateBytes&, const Plan&);

// Parameters of the copy of a tied table of tokens that the last stage of a pipeline holds for its head, on one rank;
// 0: there is none.
std::int64_t second_table(const Model&, const Plan&);
// The same where the table is trained: both ends then exchange its gradient.
std::int64_t trained_second_table(const Scenario&, const Plan&);
// What both ends add up of it: all, or what a rank keeps where ZeRO cuts gradients.
std::int64_t exchanged_by_ends(const Scenario&, const Plan&);
// Whether replicas exchange a tied table on its own, as Megatron does, so that ranks at both ends that hold the same
// shard of it can add up their gradients.
bool table_apart(const Plan&);

// Those whose gradients a tensor group adds up once a step, since its members saw other tokens; 0 where that is not
// counted.
std::int64_t summed_over_tp(const Scenario&, const Plan&, const StageWeights&);

// Of these parameters of a stage those that one rank updates: all, or its share where ZeRO cuts the optimiser.
std::int64_t updated_parameters(const Plan&, std::int64_t dense, std::int64_t expert);

}  // namespace forerun
