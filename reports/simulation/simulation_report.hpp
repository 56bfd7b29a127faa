// One plan as a simulated step, with the closed form beside it.
#pragma once

#include <string>
#include <vector>

#include "strategies/closed_form/estimate.hpp"
#include "strategies/search/advice.hpp"
#include "strategies/simulation/simulation.hpp"

namespace forerun {

struct SimulationAnswer {
  const PricedScenario& scenario;
  const Estimate& closed_form;
  const Simulation& simulation;
  const Disturbances& disturbances;
  std::vector<Change> would_fit;  // of a plan that does not fit
};

std::string to_text(const SimulationAnswer&, int width, bool colours);
// The scenario, plan, complete, step_time_s, tokens_per_s, mfu, mfu_full_square, hfu (all null after a failure),
// closed_form,
// disturbances, tasks, roles (stage, ranks, passes in flight, breakdown, memory with what is alive at its peak, bytes),
// critical_path, memory, bytes, blocked.
std::string json_text(const SimulationAnswer&);

}  // namespace forerun
