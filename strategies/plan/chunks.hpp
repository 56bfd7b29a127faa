// How many blocks each pipeline chunk holds, and how many micro-batches wait in it.
//
// Chunk c of the pp x v chunks, in the order of the layers, lives on stage c % pp as its virtual stage c / pp, unless
// the schedule has another route.
#pragma once

#include <cstdint>
#include <vector>

#include "strategies/plan/plan.hpp"
#include "workloads/models/model.hpp"

namespace forerun {

// Chunks in the order of the layers: pp x virtual_stages. Round robin, chunk c lives on stage c % pp. ZB-V: down the
// stages and up again. DualPipe: stage s holds chunk s for the first half of the micro-batches (local chunk 0, `up` 0)
// and chunk pp - 1 - s for the others, which travel the other way (local chunk 1, `up` 1).
int chunk_count(const Plan&);
int chunks_per_stage(const Plan&);
int stage_of(const Plan&, int chunk, int up = 0);
int local_chunk(const Plan&, int chunk, int up = 0);
int chunk_on(const Plan&, int stage, int local);
// Of the copy of the model that a local chunk belongs to (`up` above).
inline int direction_of(const Plan& plan, int local) { return runs_both_ways(plan) ? local : 0; }
bool ends_meet(const Plan&);  // whether the first chunk and the last one lie on one device

// The first block of every chunk and, last, the number of blocks. Where an even cut does not divide, the larger chunks
// come right after the first one, which also holds the embedding; the last, which holds the head, is enlarged last.
void chunk_begins(const Plan&, int blocks, std::vector<std::size_t>& begins);

// Blocks of every chunk of software that fills one after the other: a chunk takes blocks until the weights of the
// products so far, all blocks' and the head's, exceed its share of the whole. The first chunks get more of them than
// the last ones, which may be left without any; the last also has the head.
std::vector<Stage> chunks_by_weights(const Model&, int chunks);

// Most micro-batches whose saved activations chunk `virtual_stage` of `stage` holds at once.
//   GPipe        all m
//   1F1B         min(m, pp - stage)
//   interleaved  the warm-up does 2 (pp - stage - 1) + (v - 1) pp chunk passes, pp micro-batches of a chunk at a time,
//                and one more is in flight (Narayanan et al. 2021, section 2.2, as Megatron runs it)
std::int64_t in_flight(const Plan&, int stage, int virtual_stage, std::int64_t micro_batches);

}  // namespace forerun
