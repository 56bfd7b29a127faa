// Lowers one block, the embedding or the head of a split.
#pragma once

#include "strategies/plan/micro_batch.hpp"
#include "strategies/programs/blocks/block_program.hpp"

namespace forerun {

// Over one micro-batch. `load`: rows that this rank's experts draw over the balanced number.
BlockParts block_parts(const Scenario&, const MicroBatch&, const Block&, const Split&, double load = 1);
BlockParts embedding_parts(const Scenario&, const MicroBatch&, const Split&);
BlockParts head_parts(const Scenario&, const MicroBatch&, const Split&, HeadEnd);
// Over the job's own: all passes, B and W on their own as well where the split runs them apart.
BlockParts block_parts(const Scenario&, const Block&, const Split&, double load = 1);

// `apart`: B and W on their own as well.
BlockProgram lower(const BlockParts&, Recompute, bool apart);
BlockProgram lower_block(const Scenario&, const Block&, const Split&, double load = 1);
BlockProgram lower_embedding(const Scenario&, const Split&);
BlockProgram lower_head(const Scenario&, const Split&);  // on the device of the embedding

// Forward alone, of a step that has no backward: every tensor ends with the last that reads it. The head ends with the
// logits; nobody asks for the loss.
BlockProgram lower_forward(const BlockParts&);
BlockProgram lower_forward_embedding(const Scenario&, const MicroBatch&, const Split&);
BlockProgram lower_forward_head(const Scenario&, const MicroBatch&, const Split&);

// Bytes of the activation between two blocks on this rank.
Bytes boundary_bytes(const Scenario&, const MicroBatch&, const Split&);
Bytes boundary_bytes(const Scenario&, const Split&);  // of the job's own micro-batches

}  // namespace forerun
