// A program for other programs.
#pragma once

#include <string>

#include "strategies/programs/program.hpp"

namespace forerun {

// Of each stage: its calls in order (body, micro_batch), its bodies with their instructions (lane, code, what; the
// tensors that each reads, writes, allocates and releases, by number) and its tensors (name, bytes).
std::string json_text(const Program&);

}  // namespace forerun
