// Which blocks lie on which chunk, in the order of the layers.
#pragma once

#include <algorithm>

#include "strategies/block_price.hpp"

namespace forerun {

class StageLayout {
 public:
  void assign(const BlockKinds&, const Plan&);  // reuses its storage

  [[nodiscard]] bool has_embedding(int chunk) const { return chunk == 0; }
  [[nodiscard]] bool has_head(int chunk) const { return chunk == chunks_ - 1; }
  [[nodiscard]] std::size_t begin(int chunk) const { return begin_[static_cast<std::size_t>(chunk)]; }
  [[nodiscard]] std::size_t end(int chunk) const { return begin_[static_cast<std::size_t>(chunk) + 1]; }

  // Whether two chunks without embedding and head hold the same number of the same kind of block.
  [[nodiscard]] bool alike(int a, int b) const {
    const auto uniform = [this](int chunk) {
      return chunk > 0 && chunk + 1 < chunks_ && begin(chunk) < end(chunk) && kinds_->end_of_run[begin(chunk)] >= end(chunk);
    };
    return uniform(a) && uniform(b) && end(a) - begin(a) == end(b) - begin(b) && kinds_->of_layer[begin(a)] == kinds_->of_layer[begin(b)];
  }

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

  // add(price, number) for every kind of block in the chunk, the embedding and the head.
  template <class Add>
  void each(const SplitPrices& prices, int chunk, Add add) const {
    each_run(prices, chunk, add);
  }

 private:
  const BlockKinds* kinds_ = nullptr;
  int chunks_ = 0;
  std::vector<std::size_t> begin_;  // first layer of each chunk, and the end
};

}  // namespace forerun
