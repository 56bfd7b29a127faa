// A simulated step as a picture for Perfetto (sim/trace/trace_writer.hpp).
//
// A process is a role, named by its ranks; its tracks are the lanes that it uses. What a communication does beside
// computation stands on its lane; what stops the computation on a second track of that lane, never on compute. A
// collective appears on every role that joins it. Arrows go from a send to the first task that waited for it. Counters:
// memory, which changes in issue order and is drawn where the task of that issue starts (of what has no task of its
// own, the next one's); and each lane, 1 while a communication runs on it.
#pragma once

#include <iosfwd>
#include <string>

#include "base/result.hpp"
#include "strategies/simulation/simulation.hpp"

namespace forerun {

// A role's memory changes with every tensor, thousands of times a step. Visible: changes of a hundredth of its peak,
// and the peak itself; what lies between is drawn at the next of them.
enum class MemoryCounters : bool { visible, all };

// Of a detailed simulation. Equal simulations, equal bytes.
void write_trace(const Simulation&, std::ostream&, MemoryCounters = MemoryCounters::visible);

// As save_trace_file (sim/trace/trace_file.hpp).
Problems save_trace(const Simulation&, const std::string& path, MemoryCounters = MemoryCounters::visible);

std::string ranks_of_role(const Program&, std::uint32_t role);  // "rank 0 (and 7 like it)"
std::string name_of_role(const Program&, std::uint32_t role);  // "rank 0 (and 7 like it), stage 0"

}  // namespace forerun
