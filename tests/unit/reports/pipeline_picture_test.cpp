// Does the picture of a pipeline show the order in which its stages ran?
#include "reports/simulation/pipeline_picture.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "strategies/plan_runs.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

Simulation pipeline(const SimulationOptions& options = {}) {
  const PricedScenario scenario =
      test::priced(test::scenario(test::small_dense(), "dgx-h100", 4, {.sequence = 1024, .global_batch = 6}));
  return simulate(scenario, Plan{.pp = 4}, options);
}

// Passes of a row in the order of its columns, each once.
std::vector<PictureCell> passes(const std::vector<PictureCell>& row) {
  std::vector<PictureCell> list;
  for (const PictureCell& cell : row) {
    const bool is_pass = cell.kind == CellKind::forward || cell.kind == CellKind::backward;
    if (is_pass && (list.empty() || list.back() != cell)) list.push_back(cell);
  }
  return list;
}

// 1F1B of 6 micro-batches on 4 stages: stage s runs 3 - s forward passes, then forward and backward in turn, then what
// is left backward.
TEST(PipelinePictures, ShowTheOrderOf1F1B) {
  const std::vector<PipelinePicture> pictures = pipeline_pictures(pipeline(), 4000);
  ASSERT_EQ(pictures.size(), 1);
  ASSERT_EQ(pictures.front().stages.size(), 4);
  for (int stage = 0; stage < 4; ++stage) {
    std::vector<PictureCell> expected;
    int backward = 0;
    for (int forward = 0; forward < 6; ++forward) {
      expected.push_back({CellKind::forward, forward});
      if (forward >= 3 - stage) expected.push_back({CellKind::backward, backward++});
    }
    while (backward < 6) expected.push_back({CellKind::backward, backward++});
    EXPECT_EQ(passes(pictures.front().stages[static_cast<std::size_t>(stage)]), expected) << stage;
  }
}

TEST(PipelinePictures, OfALongStepAreItsBeginAndItsEnd) {
  const Simulation s = pipeline();
  const std::vector<PipelinePicture> pictures = pipeline_pictures(s, 5);  // 6 forward passes alone take more
  ASSERT_EQ(pictures.size(), 2);
  EXPECT_EQ(pictures[0].from, Seconds{0});
  EXPECT_EQ(pictures[1].to, to_seconds(s.timeline.makespan));
  for (const PipelinePicture& picture : pictures) {
    for (const auto& row : picture.stages) EXPECT_EQ(row.size(), 5);
  }
}

// Stage 2 stops at half of the step: it stays there, and its neighbours come to wait.
TEST(PipelinePictures, ShowWhatAFailureStopped) {
  const Seconds half = 0.5 * pipeline().step;
  const Simulation s = pipeline({.disturbances = {.failure = std::pair(2, half)}});
  const auto rows = pipeline_pictures(s, 4000).back().stages;
  const auto stuck = [](const std::vector<PictureCell>& row) {
    return std::ranges::count(row, CellKind::stuck, &PictureCell::kind);
  };
  EXPECT_GT(stuck(rows[2]), 0);
  for (const std::size_t other : {0U, 1U, 3U}) EXPECT_EQ(stuck(rows[other]), 0) << other;
}

}  // namespace
}  // namespace forerun
