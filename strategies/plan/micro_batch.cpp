#include "strategies/plan/micro_batch.hpp"

#include "base/shard_sizes.hpp"

namespace forerun {

MicroBatch micro_batch_of(std::span<const std::int64_t> lengths) {
  MicroBatch batch;
  for (const std::int64_t length : lengths) {
    if (batch.sequences.empty() || batch.sequences.back().length != length) batch.sequences.push_back({0, length});
    ++batch.sequences.back().count;
  }
  return batch;
}

std::int64_t tokens_of(const MicroBatch& batch) { return largest_share_of(batch, 1); }

std::int64_t largest_share_of(const MicroBatch& batch, int ranks) {
  std::int64_t tokens = 0;
  for (const SequenceLengths& run : batch.sequences) tokens += run.count * shard_sizes(run.length, ranks).largest;
  return tokens;
}

}  // namespace forerun
