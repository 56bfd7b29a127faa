// Which blocks lie on which chunk, in the order of the layers, and which chunks and stages are equal: of most plans
// nearly all, so that what one of them costs is computed once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>

#include "strategies/closed_form/block_price.hpp"
#include "strategies/plan/boundaries.hpp"

namespace forerun {

class StageLayout {
 public:
  // Equal units that follow each other.
  struct Run {
    UnitRef unit;
    int n = 0;
  };
  // Chunks of one kind hold equal blocks in the same order and send to other stages over equal boundaries.
  struct ChunkKind {
    int first = 0;  // the first chunk of this kind
    int count = 0;  // times that a stage holds such a chunk
    std::optional<std::size_t> sends_on = {}, sends_back = {};  // over which of boundaries()
    // On the same stage, which nothing is sent to: the unit behind this chunk, and the one before it.
    std::optional<UnitRef> hands_on = {}, hands_back = {};
    std::vector<Run> runs = {};  // from the first layer to the last, the embedding and the head among them
  };
  // Stages of one kind hold chunks of the same kinds in the same order.
  struct StageKind {
    int first = 0, count = 0;
    int sends_on = 0, sends_back = 0;  // messages of one micro-batch
    std::vector<int> copies;           // chunks of each kind
    std::vector<Run> units;            // of all its chunks, each unit once
  };

  void assign(const BlockKinds&, const Topology&, const Plan&);  // reuses its storage

  [[nodiscard]] const std::vector<ChunkKind>& chunk_kinds() const {
    return chunk_kinds_;
  }    // in the order of their first chunk
  [[nodiscard]] const std::vector<StageKind>& stage_kinds() const {
    return stage_kinds_;
  }    // in the order of their first stage
  [[nodiscard]] const std::vector<int>& kinds_on_stages() const {
    return on_stage_;
  }         // [stage * locals + local]: the kind of that chunk
  [[nodiscard]] std::span<const int> kinds_on(int stage) const {
    return std::span(on_stage_).subspan(static_cast<std::size_t>(stage) * locals_, locals_);
  }
  [[nodiscard]] std::size_t kind_of_stage(int stage) const {
    return static_cast<std::size_t>(kind_of_stage_[static_cast<std::size_t>(stage)]);
  }
  // Whether chunks between the first and the last hold unequal blocks.
  [[nodiscard]] bool uneven() const { return uneven_; }
  // Different ones; and which of them lies after a stage (after the last one: before the first).
  [[nodiscard]] const std::vector<Boundary>& boundaries() const { return boundaries_; }
  [[nodiscard]] std::size_t boundary_after(int stage) const { return after_[static_cast<std::size_t>(stage)]; }
  // Most messages of one micro-batch that a stage sends to the next ones, and back.
  [[nodiscard]] int most_sends_on() const { return most_sends_on_; }
  [[nodiscard]] int most_sends_back() const { return most_sends_back_; }

 private:
  [[nodiscard]] bool has_embedding(int chunk) const { return chunk == 0; }
  [[nodiscard]] bool has_head(int chunk) const { return chunk == chunks_ - 1; }
  [[nodiscard]] std::size_t begin(int chunk) const { return begin_[static_cast<std::size_t>(chunk)]; }
  [[nodiscard]] std::size_t end(int chunk) const { return begin_[static_cast<std::size_t>(chunk) + 1]; }
  [[nodiscard]] bool equal_blocks(int a, int b) const;
  [[nodiscard]] UnitRef first_unit(int chunk) const;
  [[nodiscard]] UnitRef last_unit(int chunk) const;
  [[nodiscard]] std::vector<Run> runs_of(int chunk) const;
  void describe(StageKind&) const;
  void find_boundaries(const Topology&, const Plan&);
  void find_chunk_kinds(const Plan&);
  [[nodiscard]] int kind_of(const ChunkKind&);
  void find_stage_kinds();

  const BlockKinds* kinds_ = nullptr;
  int chunks_ = 0, stages_ = 0;
  bool ends_meet_ = true, uneven_ = false;
  std::size_t locals_ = 1;
  std::vector<Boundary> boundaries_;
  std::vector<std::size_t> after_;
  std::vector<std::size_t> begin_;  // first layer of each chunk, and the end
  std::vector<ChunkKind> chunk_kinds_;
  std::vector<StageKind> stage_kinds_;
  std::vector<int> kind_of_chunk_;  // of the second copy of a model that runs both ways after those of the first
  std::vector<int> on_stage_, kind_of_stage_;
  int most_sends_on_ = 0, most_sends_back_ = 0;
};

// run(price, number) for each of the runs, and in the opposite order.
template <class Visit>
void each_run(const std::vector<StageLayout::Run>& runs, const SplitPrices& prices, Visit visit) {
  for (const StageLayout::Run& run : runs) visit(prices.unit(run.unit), run.n);
}
template <class Visit>
void each_run_back(const std::vector<StageLayout::Run>& runs, const SplitPrices& prices, Visit visit) {
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) visit(prices.unit(run->unit), run->n);
}

// Layouts of one model's plans on all devices of one cluster: each shape of a pipeline is laid out once.
class LayoutTable {
 public:
  LayoutTable(const BlockKinds& kinds, const Topology& topology) : kinds_(kinds), topology_(topology) {}

  // Stays as it is until a plan with a list of stages is laid out.
  const StageLayout& operator()(const Plan&);

 private:
  const BlockKinds& kinds_;
  const Topology& topology_;
  std::unordered_map<std::uint64_t, StageLayout> known_;
  StageLayout listed_;
};

}  // namespace forerun
