// How long each tensor of a block lives: allocated by the first instruction that writes it, released by the last one
// that uses it (or the wait for that one, on another lane). What backward reads of what forward wrote stays in between:
// the saved activations.
#pragma once

#include "strategies/programs/blocks/block_program.hpp"

namespace forerun {

// Fills in `allocates`, `releases` and `touches` of every pass, for both ways back (backward; B and then W), and the
// kinds of the tensors.
void find_lifetimes(BlockProgram&, bool has_input, bool has_output);
// The same of a block that has a forward pass alone: nothing but its output outlives that.
void find_forward_lifetimes(BlockProgram&, bool has_input, bool has_output);

}  // namespace forerun
