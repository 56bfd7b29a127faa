// Are blocks cut into chunks, and micro-batches held in them, as the schedules say?
#include "strategies/plan/chunks.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace forerun {
namespace {

std::vector<int> sizes(const Plan& plan, int blocks) {
  std::vector<std::size_t> begins;
  chunk_begins(plan, blocks, begins);
  EXPECT_EQ(begins.front(), 0U);
  std::vector<int> list;
  for (std::size_t i = 1; i < begins.size(); ++i) list.push_back(static_cast<int>(begins[i] - begins[i - 1]));
  return list;
}

TEST(EvenChunks, DifferByOneBlockAndEnlargeTheEndsLast) {
  EXPECT_EQ(sizes({.pp = 4}, 32), (std::vector{8, 8, 8, 8}));
  EXPECT_EQ(sizes({.pp = 4}, 33), (std::vector{8, 9, 8, 8}));
  EXPECT_EQ(sizes({.pp = 4}, 35), (std::vector{8, 9, 9, 9}));
  EXPECT_EQ(sizes({.pp = 2, .virtual_stages = 2}, 6), (std::vector{1, 2, 2, 1}));
  EXPECT_EQ(sizes({}, 7), (std::vector{7}));
}

TEST(EvenWithEnds, CountsEmbeddingAndHeadAsABlockEach) {
  // Llama-3.1-405B: 126 + 2 over 16 stages of 8; the first and the last give one block up.
  std::vector<int> llama(16, 8);
  llama.front() = llama.back() = 7;
  EXPECT_EQ(sizes({.pp = 16, .cut = StageCut::even_with_ends}, 126), llama);
  // DeepSeek-V3: 61 + 2 over 16 = 15 stages of 4 and one of 3, the first; without the ends 2, 4, ..., 4, 3.
  std::vector<int> deepseek(16, 4);
  deepseek.front() = 2, deepseek.back() = 3;
  EXPECT_EQ(sizes({.pp = 16, .cut = StageCut::even_with_ends}, 61), deepseek);
}

TEST(EvenWithEnds, LeavesTheEndsAloneInTheFinestCut) {
  EXPECT_EQ(sizes({.pp = 4, .cut = StageCut::even_with_ends}, 2), (std::vector{0, 1, 1, 0}));
}

TEST(EvenWithEnds, OfOneChunkIsAll) { EXPECT_EQ(sizes({.cut = StageCut::even_with_ends}, 7), (std::vector{7})); }

TEST(ListedChunks, AreAsWritten) {
  EXPECT_EQ(sizes({.pp = 3, .cut = StageCut::list, .stages = {{.blocks = 5}, {.blocks = 0}, {.blocks = 2}}}, 7),
            (std::vector{5, 0, 2}));
}

TEST(ChunksByWeights, FillUntilTheirShareIsExceeded) {
  // 16 blocks of 67,108,864 weights and a head of four times that: 20 over 2 and 4 stages, 10 and 5 each, which must be
  // exceeded.
  Model model{.hidden = 2048, .vocab = 131072};
  model.blocks.assign(16, {.hidden = 2048,
                           .mixer = Attention{.heads = 32, .kv_heads = 32, .head_dim = 64},
                           .feed_forward = Mlp{.width = 8192, .gated = true}});
  const auto blocks = [&](int chunks) {
    std::vector<int> list;
    for (const Stage& stage : chunks_by_weights(model, chunks)) list.push_back(stage.blocks);
    return list;
  };
  EXPECT_EQ(blocks(1), (std::vector{16}));
  EXPECT_EQ(blocks(2), (std::vector{11, 5}));
  EXPECT_EQ(blocks(4), (std::vector{6, 5, 5, 0}));
  EXPECT_EQ(blocks(8), (std::vector{3, 3, 2, 3, 2, 3, 0, 0}));
  EXPECT_EQ(blocks(20), (std::vector{2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0}));
}

TEST(Chunks, AlwaysHoldAllBlocks) {
  for (const StageCut cut : {StageCut::even, StageCut::even_with_ends}) {
    const int ends = cut == StageCut::even ? 0 : 2;
    for (int blocks = 1; blocks <= 20; ++blocks) {
      for (int pp = 1; pp <= blocks + ends; ++pp) {
        for (int v = 1; pp * v <= blocks + ends && (pp > 1 || v == 1); ++v) {
          const std::vector<int> list = sizes({.pp = pp, .virtual_stages = v, .cut = cut}, blocks);
          EXPECT_EQ(std::accumulate(list.begin(), list.end(), 0), blocks);
          for (const int size : list) EXPECT_GE(size, 0);
        }
      }
    }
  }
}

TEST(InFlight, OfGPipeIsEverything) {
  for (int stage = 0; stage < 4; ++stage)
    EXPECT_EQ(in_flight({.pp = 4, .schedule = ScheduleKind::gpipe}, stage, 0, 16), 16);  // E31
}

TEST(InFlight, OfOneForwardOneBackwardIsTheDistanceToTheEnd) {
  const Plan plan{.pp = 4};
  EXPECT_EQ(in_flight(plan, 0, 0, 16), 4);  // E31
  EXPECT_EQ(in_flight(plan, 3, 0, 16), 1);
  EXPECT_EQ(in_flight(plan, 0, 0, 3), 3);  // min(K - i, M)
}

TEST(InFlight, WithoutAPipelineIsOne) { EXPECT_EQ(in_flight({}, 0, 0, 16), 1); }

std::int64_t chunk_passes(const Plan& plan, int stage, std::int64_t micro_batches) {
  std::int64_t sum = 0;
  for (int v = 0; v < plan.virtual_stages; ++v) sum += in_flight(plan, stage, v, micro_batches);
  return sum;
}

TEST(InFlight, OfInterleavedHasTheFactorOfKorthikanti) {
  // Stage 0 holds (1 + (p - 1)/(p v)) times the activations of its 1F1B; a chunk has 1/v of a stage's.
  for (const int p : {2, 4, 8}) {
    for (const int v : {2, 3, 5}) {
      const Plan plan{.pp = p, .virtual_stages = v, .schedule = ScheduleKind::interleaved};
      EXPECT_DOUBLE_EQ(static_cast<double>(chunk_passes(plan, 0, 64)) / v, p * (1 + (p - 1.0) / (p * v)))
          << p << " x " << v;
    }
  }
}

TEST(InFlight, OfInterleavedNeverExceedsWhatThereIs) {
  const Plan plan{.pp = 4, .virtual_stages = 3, .schedule = ScheduleKind::interleaved};
  EXPECT_EQ(chunk_passes(plan, 0, 4), 12);  // one turn of four micro-batches through three chunks
  for (int v = 0; v < 3; ++v) EXPECT_EQ(in_flight(plan, 0, v, 4), 4);
}

// Megatron's order of forward passes: pp micro-batches through chunk 0, then through chunk 1, ...
TEST(InFlight, OfInterleavedIsSpreadOverTheChunksInTheirOrder) {
  for (const int p : {2, 4}) {
    for (const int v : {2, 3}) {
      for (int stage = 0; stage < p; ++stage) {
        const Plan plan{.pp = p, .virtual_stages = v, .schedule = ScheduleKind::interleaved};
        const int micro_batches = 4 * p;
        const int passes = 2 * (p - stage - 1) + (v - 1) * p + 1;
        std::vector<int> count(static_cast<std::size_t>(v), 0);
        for (int pass = 0; pass < passes; ++pass) ++count[static_cast<std::size_t>(pass / p % v)];
        for (int c = 0; c < v; ++c)
          EXPECT_EQ(in_flight(plan, stage, c, micro_batches), count[static_cast<std::size_t>(c)]);
      }
    }
  }
}

}  // namespace
}  // namespace forerun
