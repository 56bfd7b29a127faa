// What works and instructions are called in messages and traces.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "strategies/programs/program.hpp"

namespace forerun {

// Which instruction a task is part of.
struct TaskOrigin {
  std::uint32_t role = 0, call = 0, instruction = 0;
  bool stops = false;  // the part of a communication that does not hide
};

std::string_view to_string(Part);
std::string describe(const Work&);                        // "head, forward", "dp reduce_scatter"
std::string describe(const Program&, const TaskOrigin&);  // "stage 1, micro-batch 3, backward: head of layer 12"

}  // namespace forerun
