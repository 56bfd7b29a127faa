// Where the time of one rank went, read off a timeline.
#pragma once

#include "strategies/simulation.hpp"

namespace forerun {

// The breakdown of a role's compute lane, which adds up to the step, and its traffic.
RoleReport report(const Program&, const ProgramGraph&, const Timeline&, std::uint32_t role);

const Work* work_of(const Program&, const TaskOrigin&);  // null: none

}  // namespace forerun
