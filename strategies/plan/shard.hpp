// One rank's part of a model: narrower blocks, fewer tokens, fewer experts.
#pragma once

#include "strategies/plan/micro_batch.hpp"
#include "strategies/plan/plan.hpp"
#include "workloads/jobs/job.hpp"
#include "workloads/operators/operators.hpp"

namespace forerun {

// The part of a plan that decides what a block costs on one rank; everything else only repeats blocks.
struct Split {
  int tp = 1;
  bool sp = false;
  int cp = 1;
  CpKind cp_kind = CpKind::ring;
  int ep = 1;
  int etp = 1;
  int micro_batch = 1;
  Recompute recompute = Recompute::none;
  OverlapChoice overlap;
  bool apart = true;  // B and W on their own as well, for schedules that split them

  bool operator==(const Split&) const = default;
};
Split split_of(const Plan&);

// Of one pipeline in a step.
inline std::int64_t micro_batches_of(const Job& job, const Plan& plan) {
  return job.global_batch / (std::int64_t{plan.dp} * plan.micro_batch);
}

// Heads and widths over tp (the largest share where they do not divide; key-value heads are copied when there are fewer
// than tp), those of experts over etp.
Block shard(const Block&, int tp, int etp = 1);
int shard_vocab(int vocab, int tp);
std::int64_t table_parameters(const Model&, int tp);  // of the embedding of tokens

// Tokens of one micro-batch on one rank. Balanced experts compute as many rows as their ranks send; `load` times as
// many otherwise.
TokenShape local_tokens(const MicroBatch&, const Split&, const Block&, double load = 1);
TokenShape local_tokens(const Job&, const Split&, const Block&, double load = 1);  // of the job's own
MicroBatch micro_batch_of(const Job&, const Split&);  // each of a training step: equal sequences
// The same after an all-to-all of Ulysses: all positions of the sequences.
TokenShape all_positions(TokenShape, int cp);

}  // namespace forerun
