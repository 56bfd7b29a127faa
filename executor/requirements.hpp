// What a plan must be for the executor to run it.
#pragma once

#include "base/result.hpp"
#include "executor/ranks/run_options.hpp"
#include "strategies/plan/scenario.hpp"

namespace forerun {

// Everything that it cannot do, at once: other software than itself (stack forerun), shapes that a plan does not
// divide, parts of models and plans that it does not have. Empty: it can. The plan must be valid (check_plan).
Problems check_executable(const Scenario&, const Plan&, Routing);

}  // namespace forerun
