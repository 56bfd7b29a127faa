// Do schedules gain over 1F1B what was measured, and hold as much more memory? The runs of Qi et al. 2023 (Zero Bubble
// Pipeline Parallelism).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "strategies/plan_runs.hpp"
#include "strategies/simulation/simulation.hpp"
#include "validation/training/row_scenario.hpp"
#include "validation/training/training_rows.hpp"

namespace forerun {
namespace {

struct Measured {
  std::string schedule;
  double measured, simulated;      // seconds
  double memory, simulated_memory;  // GiB
};

// By layers and micro-batches.
std::map<std::pair<int, int>, std::vector<Measured>> runs() {
  std::map<std::pair<int, int>, std::vector<Measured>> found;
  const auto rows = read_training_rows(std::string(FORERUN_ROOT) + "/tests/validation/data/training_runs.csv");
  auto reader = RunReader::make();
  EXPECT_TRUE(rows && reader);
  for (const TrainingRow& row : *rows) {
    if (row.source.find("Zero Bubble") == std::string::npos) continue;
    const ReadRun run = reader->read(row);
    EXPECT_EQ(run.skipped, "") << row.run_id;
    const Simulation s = simulate(*price(run.scenario), run.plan);
    found[{*row.layers, *row.global_batch}].push_back({row.schedule, row.step_time->value(), s.step.value(),
                                                       *row.peak_memory / Bytes{1 << 30},
                                                       s.memory.peak().allocated() / Bytes{1 << 30}});
  }
  return found;
}

TEST(ZeroBubble, GainsOverOneForwardOneBackwardWhatWasMeasured) {
  int compared = 0;
  for (const auto& [job, list] : runs()) {
    const auto base =
        std::find_if(list.begin(), list.end(), [](const Measured& run) { return run.schedule == "1f1b"; });
    ASSERT_NE(base, list.end());
    for (const Measured& run : list) {
      const double measured = base->measured / run.measured, simulated = base->simulated / run.simulated;
      std::printf("%2d layers, batch %3d, %-11s measured %.3f x 1F1B, simulated %.3f; memory %2.0f and %4.1f GiB\n",
                  job.first, job.second, run.schedule.c_str(), measured, simulated, run.memory, run.simulated_memory);
      // Interleaved gains 0.03 to 0.05 too much: in these runs both stages wait for a message, and the way from the
      // last stage back to the first leaves through the port of the boundary between; here it stops its sender alone.
      EXPECT_NEAR(simulated, measured, run.schedule == "interleaved" ? 0.055 : 0.04) << run.schedule;
      ++compared;
      for (const Measured& other : list) {
        if (other.memory > run.memory) {
          EXPECT_GT(other.simulated_memory, run.simulated_memory) << other.schedule << " and " << run.schedule;
        }
      }
    }
  }
  EXPECT_EQ(compared, 24);
}

}  // namespace
}  // namespace forerun
