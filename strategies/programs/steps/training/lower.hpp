// A training step of a plan as a Program.
#pragma once

#include "strategies/programs/steps/roles.hpp"

namespace forerun {

// `table`: of the plan, for the micro-batches of one pipeline. The plan must be valid (check_plan).
Program lower(const PricedScenario&, const Plan&, const ScheduleTable& table, const LowerOptions&);

}  // namespace forerun
