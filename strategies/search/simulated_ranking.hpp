// The best plans by closed form, ranked again by what the simulator says of them: all that are listed, or none.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "strategies/programs/program.hpp"
#include "strategies/search/search.hpp"
#include "strategies/simulation/simulation.hpp"

namespace forerun {

struct SimulatedPlan {
  RankedPlan ranked;
  std::optional<Seconds> step;  // simulated; none: nothing in the ranking was
  std::size_t rank = 0;         // in closed form, from 0

  // What it is ranked by: of all plans of a ranking the simulated step, or of all the closed form's.
  [[nodiscard]] Seconds best_known() const { return step.value_or(ranked.estimate.step.median); }
  // Simulated over closed form, less 1; 0 where it was not simulated.
  [[nodiscard]] double difference() const { return best_known() / ranked.estimate.step.median - 1; }
};

// The best plan of a kind, and its variants that are as fast (within RankingOptions::tie).
struct RankedKind {
  SimulatedPlan best;
  std::vector<SimulatedPlan> ties;
};

struct Ranking {
  std::vector<RankedKind> kinds;  // fastest first; ties by their rank in closed form
  std::size_t simulated = 0;      // plans
  std::size_t too_large = 0;      // instructions of the listed plan that kept all from being simulated; 0: none did
};

struct RankingOptions {
  std::size_t top = 5;                               // kinds to list
  double tie = 1e-3;                                 // relative
  std::size_t most_instructions = simulation_limit;  // of one plan: larger programs are not simulated
  std::size_t most_in_all = simulation_limit / 5;     // of what is simulated beside the listed kinds' best plans
  int threads = 0;                                   // 0: all cores
  std::function<void(double done)> progress = [](double) {};  // share done, from any thread
};

// Of plans fastest first. The same for any number of threads.
Ranking simulate_ranking(const PricedScenario&, std::vector<RankedPlan>, const RankingOptions& = {});

// Instructions that all roles run in a step; a detailed simulation has about as many tasks, and never more than twice
// as many.
std::size_t instructions_run(const Program&);

}  // namespace forerun
