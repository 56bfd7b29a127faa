// The flags of a run that differs from its plan: noise, slow ranks, a rank that fails.
#pragma once

#include "base/result.hpp"
#include "strategies/simulation/simulation.hpp"

namespace CLI {
class App;
}

namespace forerun::cli {

// --seed, --jitter, --straggler RANK=FACTOR (several times), --fail RANK@TIME. What cannot be read goes to the
// problems.
void add_disturbances(CLI::App&, Disturbances&, Problems&);

// Ranks that the plan does not have, and ranks that are named twice.
Problems rank_problems(const Disturbances&, int ranks);

}  // namespace forerun::cli
