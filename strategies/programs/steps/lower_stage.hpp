// What one pipeline stage does in a step: its chunks' passes with everything between blocks, in the order of the
// schedule.
#pragma once

#include "strategies/programs/steps/stage_program.hpp"

namespace forerun {

StageProgram lower_stage(const PricedScenario&, const BlockKinds&, const SplitPrograms&, const ScheduleTable&,
                         const Plan&, int stage);

}  // namespace forerun
