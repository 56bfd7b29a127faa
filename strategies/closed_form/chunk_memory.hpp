// Memory of the passes of one chunk, summed over its blocks; and the most that a stage holds when a schedule runs them.
#pragma once

#include "strategies/closed_form/stage_layout.hpp"
#include "strategies/plan/plan.hpp"
#include "strategies/programs/steps/unit_script.hpp"
#include "strategies/schedules/schedule_table.hpp"

namespace forerun {

// From the start of a pass.
struct PassMemory {
  Bytes peak, left;  // the most above the start, the difference at the end
  Bytes left_transient;  // of `left`; the rest are activations
  std::array<Bytes, memory_kinds> at_peak{};
};

struct ChunkMemory {
  PassMemory forward, backward, input_gradient, weight_gradient;

  [[nodiscard]] const PassMemory& of(PassKind kind) const {
    switch (kind) {
      case PassKind::forward:
        return forward;
      case PassKind::backward:
        return backward;
      case PassKind::input_gradient:
        return input_gradient;
      case PassKind::weight_gradient:
        return weight_gradient;
    }
    return forward;
  }
};

// Equal neighbours among the units of a chunk: embedding, blocks, head.
struct UnitRun {
  const BlockPrice* unit = nullptr;
  int n = 0;
};

// What sharding adds to each unit of a chunk: bytes of its parameters while they are gathered, of its gradients until
// they are scattered.
struct ShardedUnits {
  const Plan& plan;
  double overlap = 0;  // data_parallel_overlap
  Bytes gathered = {}, gradients = {};  // of one parameter; 0: none

  [[nodiscard]] bool any() const { return gathered > Bytes{0} || gradients > Bytes{0} || plan.offload.activations; }
  [[nodiscard]] UnitScript script(PassKind kind) const { return unit_script(plan, kind, overlap); }
};

// Of a kind of chunk. Scratch memory is the caller's.
void chunk_memory(const SplitPrices&, const StageLayout::ChunkKind&, const ShardedUnits&, bool splits_backward,
                  std::vector<UnitRun>& scratch, ChunkMemory&);

// The most above the start that a stage holds: `start` before the pass that makes it, and that pass.
struct StagePeak {
  Bytes start, total;
  Bytes start_transient;  // of `start`; the rest are activations
  const PassMemory* pass = nullptr;

  void consider(Bytes before, const PassMemory& memory, Bytes transient_before = Bytes{0}) {
    if (pass != nullptr && before + memory.peak <= total) return;
    start = before, total = before + memory.peak, start_transient = transient_before, pass = &memory;
  }
};

// The chunks of a stage, by kind.
struct OwnChunks {
  const std::vector<ChunkMemory>& of_kind;
  std::span<const int> kinds;  // of each of the stage's own chunks

  [[nodiscard]] std::size_t size() const { return kinds.size(); }
  const ChunkMemory& operator[](std::size_t local) const { return of_kind[static_cast<std::size_t>(kinds[local])]; }
};

// GPipe holds all M micro-batches of a stage's only chunk, 1F1B min(K - stage, M) of them.
StagePeak peak_of_waves(const ChunkMemory& own, std::int64_t in_flight);
// Interleaved (Narayanan et al. 2021): 2 (K - stage - 1) + (v - 1) K forward passes, then one forward and one backward
// in turn, K micro-batches of a chunk at a time. Between two changes of the kind of chunk memory moves in equal steps,
// so only those places are looked at.
StagePeak peak_of_interleaved(const OwnChunks&, int stages, int stage, std::int64_t micro_batches);
StagePeak peak_of_table(const OwnChunks&, const ScheduleTable&, int stage);

}  // namespace forerun
