// The schedule table of a plan.
#pragma once

#include "strategies/schedules/pass_times.hpp"
#include "strategies/schedules/schedule_table.hpp"

namespace forerun {

// The automatic schedule looks at the times of the passes; all others only at the numbers of stages, chunks and
// micro-batches.
ScheduleTable make_table(const Plan&, const PassTimes&, std::int64_t micro_batches);

}  // namespace forerun
