// A program to read: what each stage does in a step, instruction by instruction.
#pragma once

#include <string>

#include "strategies/programs/program.hpp"

namespace forerun {

// Of each stage its calls in order, then the instructions of each of its bodies: what is done, on which lane, what it
// reads and writes, and what is allocated
// (+) and released (-) there.
std::string program_text(const Program&);

}  // namespace forerun
