// Whether a program ends.
#pragma once

#include "strategies/simulation/replay_program.hpp"

namespace forerun {

struct PricedScenario;

// Proves that a program ends whatever its times are: none, or what is stuck where ("stage 1, micro-batch 3, forward of
// chunk 1 waits for ...").
Problems check_order(const PricedScenario&, const Program&);

}  // namespace forerun
