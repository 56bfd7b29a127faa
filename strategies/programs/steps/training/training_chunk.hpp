// A chunk of a training step: what sharding adds to its units, and the buckets in which replicas exchange it.
#pragma once

#include "strategies/programs/steps/buckets.hpp"
#include "strategies/programs/steps/training/replica_exchanges.hpp"

namespace forerun {

struct TrainingChunk {
  Chunk chunk;
  std::optional<TensorId> gathered;   // ZeRO-3: whole parameters of the first unit; those of the others follow
  std::optional<TensorId> gradients;  // ZeRO-2 and 3: the same of gradients until they are scattered
  std::vector<std::optional<TensorId>> early;  // of each unit: what B makes of its gradients, until W
  std::array<std::vector<Bucket>, all_shares.size()> buckets;  // ZeRO-0 and 1, in the order of backward

  std::vector<Bucket>& buckets_of(Share share) { return buckets[static_cast<std::size_t>(share)]; }
  [[nodiscard]] const std::vector<Bucket>& buckets_of(Share share) const {
    return buckets[static_cast<std::size_t>(share)];
  }
  [[nodiscard]] std::size_t size() const { return chunk.units.size(); }
  [[nodiscard]] ReplicaPiece piece(const Bucket&, Share) const;
  [[nodiscard]] ReplicaPiece piece(std::size_t unit, Share, std::int64_t elements) const;
};

// The `local`-th chunk of the stage. `before`: the last one that was made; null: this is the first.
TrainingChunk make_training_chunk(const Scenario&, const Plan&, const std::vector<ChunkUnit>&, int local,
                                  const TrainingChunk* before, const ReplicaExchanges&, StageEmission&);

}  // namespace forerun
