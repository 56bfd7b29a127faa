// A program to read: what each stage does in a step, instruction by instruction.
#pragma once

#include <string>

#include "strategies/programs/program.hpp"

namespace forerun {

// Of each stage its calls in order, then the instructions of each of its bodies: what is done, on which lane, what it
// reads and writes, and what is allocated
// (+) and released (-) there.
std::string program_text(const Program&);

std::string heading(const StageProgram&, const Body&);  // "forward of chunk 0", "after all passes"
// "wait for 3", "receive from stage 1", "all-gather of 1024 elements [3]": 3 is what waits name.
std::string what_is_done(const StageProgram&, const Body&, const Instruction&);

}  // namespace forerun
