// What the replicas of one plan exchange once a step, chunk by chunk.
#pragma once

#include <optional>
#include <vector>

#include "strategies/closed_form/block_price.hpp"
#include "strategies/programs/steps/buckets.hpp"

namespace forerun {

// Of one rank, before it is cut.
struct ReplicaElements {
  std::int64_t dense = 0, expert = 0, table = 0;  // table: of a tied one that goes on its own

  bool operator==(const ReplicaElements&) const = default;
};

// What ZeRO-3 gathers of a unit: frozen parameters as well, and a table that is not its own.
inline ReplicaElements gathered_of(const BlockPrice& unit) {
  return {unit.parameters - unit.table + unit.frozen + unit.borrowed_frozen,
          unit.expert_parameters + unit.frozen_experts, unit.table + unit.borrowed};
}
// Whose gradients ZeRO-2 and 3 scatter with it.
inline ReplicaElements scattered_of(const BlockPrice& unit) {
  return {unit.parameters - unit.table, unit.expert_parameters, unit.table + unit.borrowed};
}

// Equal buckets that follow each other.
struct BucketRun {
  const BlockPrice* unit = nullptr;  // the last unit that backward does before it exchanges the bucket
  ReplicaElements elements;
  int n = 0;
  Seconds gather, reduce;  // of one
};

// Of one kind of chunk.
struct ChunkBuckets {
  std::size_t first = 0, count = 0;  // of its runs, in the order of backward
  Seconds forward, backward;         // computation of all units
  Seconds gather, reduce;            // of all buckets
};

// Memory that one plan after the other uses.
struct ReplicaScratch {
  std::vector<BucketRun> runs;
  std::vector<ChunkBuckets> chunks;            // by kind
  std::vector<std::optional<Seconds>> after;   // by kind of stage
  std::vector<const BlockPrice*> units;
  std::vector<std::int64_t> parameters;
  std::vector<ReplicaElements> elements;       // exchanged with each unit
  std::vector<Bucket> buckets;
  std::vector<Seconds> done;                   // of an ExchangeClock
};

}  // namespace forerun
