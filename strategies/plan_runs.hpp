// A plan by the schedule that it names: its table, its Program, its simulation.
//
// Lowering and simulation take a table. The automatic zero-bubble schedule is filled with times of passes; those are
// the closed form's. So the two readers need not know each other.
#pragma once

#include "strategies/programs/steps/training/lower.hpp"
#include "strategies/simulation/simulation.hpp"

namespace forerun {

struct PricedScenario;

ScheduleTable schedule_of(const PricedScenario&, const Plan&);

// The plan must be valid (check_plan).
Program lower(const PricedScenario&, const Plan&, const LowerOptions& = {});
Simulation simulate(const PricedScenario&, const Plan&, const SimulationOptions& = {});

}  // namespace forerun
