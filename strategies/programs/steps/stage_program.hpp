// What stages are made of: the programs of a split's blocks, and what is said between blocks, stages and replicas.
#pragma once

#include "strategies/programs/blocks/lower_block.hpp"
#include "strategies/programs/program.hpp"
#include "workloads/models/block_kinds.hpp"

namespace forerun {

// Blocks of a split, lowered once for all stages.
struct SplitPrograms {
  std::vector<BlockProgram> blocks;  // by kind
  BlockProgram embedding, head;
  BlockProgram lone_head;  // on another device than the embedding
};
SplitPrograms lower_split(const Scenario&, const BlockKinds&, const Split&, double load);
// Numbers of tokens that their passes use (TokenAllocator): of the block that has most.
std::uint32_t tokens_of_blocks(const SplitPrograms&);

// How much of the exchange between replicas may hide behind computation.
double data_parallel_overlap(const Stack&, const Plan&);
// Of a send between stages.
double pipeline_overlap(const Stack&, const Plan&);
// What one stage sends to the next, or back, for a micro-batch: `boundary` bytes.
Communication pipeline_message(const Scenario&, const Plan&, Flow, Bytes boundary);
// Bytes that the optimiser's kernels move for so many parameters (after ZeRO).
Bytes optimizer_bytes(const Stack&, const StateBytes&, double parameters);

}  // namespace forerun
