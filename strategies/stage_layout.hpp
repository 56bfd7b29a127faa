// Which blocks lie on which chunk, in the order of the layers, and which chunks and stages are equal: of most plans nearly all, so that what one of them costs is
// computed once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <unordered_map>

#include "strategies/block_price.hpp"

namespace forerun {

class StageLayout {
 public:
  // Chunks of one kind hold equal blocks in the same order and send to other stages on the same sides.
  struct ChunkKind {
    int first = 0;  // the first chunk of this kind
    int count = 0;  // times that a stage holds such a chunk
    bool sends_on = false, sends_back = false;
  };
  // Stages of one kind hold chunks of the same kinds in the same order.
  struct StageKind {
    int first = 0, count = 0;
    std::vector<int> copies;  // chunks of each kind
  };

  void assign(const BlockKinds&, const Plan&);  // reuses its storage

  [[nodiscard]] bool has_embedding(int chunk) const { return chunk == 0; }
  [[nodiscard]] bool has_head(int chunk) const { return chunk == chunks_ - 1; }
  [[nodiscard]] std::size_t begin(int chunk) const { return begin_[static_cast<std::size_t>(chunk)]; }
  [[nodiscard]] std::size_t end(int chunk) const { return begin_[static_cast<std::size_t>(chunk) + 1]; }

  [[nodiscard]] const std::vector<ChunkKind>& chunk_kinds() const { return chunk_kinds_; }    // in the order of their first chunk
  [[nodiscard]] const std::vector<StageKind>& stage_kinds() const { return stage_kinds_; }    // in the order of their first stage
  [[nodiscard]] const std::vector<int>& kinds_on_stages() const { return on_stage_; }         // [stage * locals + local]: the kind of that chunk
  [[nodiscard]] std::span<const int> kinds_on(int stage) const { return std::span(on_stage_).subspan(static_cast<std::size_t>(stage) * locals_, locals_); }
  [[nodiscard]] std::size_t kind_of_stage(int stage) const { return static_cast<std::size_t>(kind_of_stage_[static_cast<std::size_t>(stage)]); }
  // Most messages of one micro-batch that a stage sends to the next ones, and back.
  [[nodiscard]] int most_sends_on() const { return most_sends_on_; }
  [[nodiscard]] int most_sends_back() const { return most_sends_back_; }

  // run(price, number) for neighbours of one kind, from the first layer to the last, the embedding and the head among them.
  template <class Run>
  void each_run(const SplitPrices& prices, int chunk, Run run) const {
    if (has_embedding(chunk)) run(prices.embedding, 1);
    for (std::size_t layer = begin(chunk); layer < end(chunk);) {
      const std::size_t next = std::min(kinds_->end_of_run[layer], end(chunk));
      run(prices.blocks[static_cast<std::size_t>(kinds_->of_layer[layer])], static_cast<int>(next - layer));
      layer = next;
    }
    if (has_head(chunk)) run(prices.head, 1);
  }

  // The same from the last layer to the first.
  template <class Run>
  void each_run_back(const SplitPrices& prices, int chunk, Run run) const {
    if (has_head(chunk)) run(prices.head, 1);
    for (std::size_t layer = end(chunk); layer > begin(chunk);) {
      const std::size_t first = std::max(kinds_->begin_of_run[layer - 1], begin(chunk));
      run(prices.blocks[static_cast<std::size_t>(kinds_->of_layer[layer - 1])], static_cast<int>(layer - first));
      layer = first;
    }
    if (has_embedding(chunk)) run(prices.embedding, 1);
  }

 private:
  [[nodiscard]] bool equal_blocks(int a, int b) const;
  void find_chunk_kinds(const Plan&);
  void find_stage_kinds();

  const BlockKinds* kinds_ = nullptr;
  int chunks_ = 0, stages_ = 0;
  std::size_t locals_ = 1;
  std::vector<std::size_t> begin_;  // first layer of each chunk, and the end
  std::vector<ChunkKind> chunk_kinds_;
  std::vector<StageKind> stage_kinds_;
  std::vector<int> kind_of_chunk_, on_stage_, kind_of_stage_;
  int most_sends_on_ = 0, most_sends_back_ = 0;
};

// Layouts of one model's plans: each shape of a pipeline is laid out once.
class LayoutTable {
 public:
  explicit LayoutTable(const BlockKinds& kinds) : kinds_(kinds) {}

  // Stays as it is until a plan with a list of stages is laid out.
  const StageLayout& operator()(const Plan&);

 private:
  const BlockKinds& kinds_;
  std::unordered_map<std::uint64_t, StageLayout> known_;
  StageLayout listed_;
};

}  // namespace forerun
