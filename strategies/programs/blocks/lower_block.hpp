// Lowers one block, the embedding or the head of a split.
#pragma once

#include "strategies/programs/blocks/block_program.hpp"

namespace forerun {

// `load`: rows that this rank's experts draw over the balanced number.
BlockParts block_parts(const Scenario&, const Block&, const Split&, double load = 1);
BlockParts embedding_parts(const Scenario&, const Split&);
BlockParts head_parts(const Scenario&, const Split&);

// `apart`: B and W on their own as well.
BlockProgram lower(const BlockParts&, Recompute, bool apart);
BlockProgram lower_block(const Scenario&, const Block&, const Split&, double load = 1);
BlockProgram lower_embedding(const Scenario&, const Split&);
BlockProgram lower_head(const Scenario&, const Split&);  // on the device of the embedding

// Bytes of the activation between two blocks on this rank.
Bytes boundary_bytes(const Scenario&, const Split&);

}  // namespace forerun
