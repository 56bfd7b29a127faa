// Plans that the closed form found best, ranked again by what the simulator says of them.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "strategies/programs/program.hpp"
#include "strategies/search/search.hpp"

namespace forerun {

struct SimulatedPlan {
  RankedPlan ranked;
  std::optional<Seconds> step;  // simulated; none: its program is too large, or too many plans are before it
  std::size_t rank = 0;         // in closed form, from 0

  // What it is ranked by: the closed form's step where it was not simulated.
  [[nodiscard]] Seconds best_known() const { return step.value_or(ranked.estimate.step.median); }
  // Simulated over closed form, less 1; 0 where it was not simulated.
  [[nodiscard]] double difference() const { return best_known() / ranked.estimate.step.median - 1; }
};

struct RankingOptions {
  std::size_t most_instructions = 500'000;  // of one plan: larger programs are not simulated
  std::size_t most_plans = 32;              // nor those that the closed form ranks beyond
  int threads = 0;                          // 0: all cores
  std::function<void(double done)> progress = [](double) {};  // share done, from any thread
};

// Fastest first, ties as in closed form. The same for any number of threads.
std::vector<SimulatedPlan> simulate_ranking(const PricedScenario&, std::vector<RankedPlan>, const RankingOptions& = {});

// Instructions that all roles run in a step; a detailed simulation has about as many tasks, and never more than twice
// as many.
std::size_t instructions_run(const Program&);

}  // namespace forerun
