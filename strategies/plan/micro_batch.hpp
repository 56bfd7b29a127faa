// The sequences that go through a model together.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace forerun {

// Equal neighbours.
struct SequenceLengths {
  std::int64_t count = 0, length = 0;

  bool operator==(const SequenceLengths&) const = default;
};

// Sequences in the order of their rows, all positions of one after all of the one before.
struct MicroBatch {
  std::vector<SequenceLengths> sequences;

  bool operator==(const MicroBatch&) const = default;
};

MicroBatch micro_batch_of(std::span<const std::int64_t> lengths);
std::int64_t tokens_of(const MicroBatch&);  // of all its sequences
// Of one of `ranks` that share every sequence: the largest share.
std::int64_t largest_share_of(const MicroBatch&, int ranks);

}  // namespace forerun
