// Where the time of one rank went, read off a timeline.
#pragma once

#include "strategies/programs/breakdown.hpp"
#include "strategies/programs/program_memory.hpp"
#include "strategies/simulation/replay_program.hpp"

namespace forerun {

struct RoleReport {
  int stage = 0;
  int in_flight = 0;  // most_in_flight of its program
  Seconds done;  // when its last instruction ended
  Seconds late_end;  // of that, waiting for the other end of the pipeline to add its gradients of a tied table
  Seconds lead;  // until its first message came; not part of the step where steps do not synchronize
  Breakdown breakdown;  // of its compute lane; adds up to the step
  Traffic traffic;
  ProgramMemory memory;
};

// The breakdown of a role's compute lane, which adds up to the step, and its traffic.
RoleReport report(const Program&, const ProgramGraph&, const Timeline&, std::uint32_t role);

const Work* work_of(const Program&, const TaskOrigin&);  // null: none

}  // namespace forerun
