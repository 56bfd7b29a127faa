// What a stage holds from the beginning of a step to its end: parameters, gradients, optimiser states, buffers.
#pragma once

#include "strategies/program.hpp"
#include "strategies/scenario.hpp"

namespace forerun {

// `dense` and `expert` parameters of the stage on one rank, before ZeRO.
HeldMemory held_memory(const Scenario&, const Plan&, std::int64_t dense, std::int64_t expert, Bytes boundary);
// The same where the bytes of a parameter are known.
HeldMemory held_memory(const Scenario&, const StateBytes&, const Plan&, std::int64_t dense, std::int64_t expert, Bytes boundary);

// Parameters of the copy of a tied table of tokens that the last stage of a pipeline holds for its head, on one rank; 0: there is none.
std::int64_t second_table(const Model&, const Plan&);

// Of these parameters of a stage those that one rank updates: all, or its share where ZeRO cuts the optimiser.
std::int64_t updated_parameters(const Plan&, std::int64_t dense, std::int64_t expert);

}  // namespace forerun
