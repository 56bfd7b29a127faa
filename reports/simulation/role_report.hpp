// What the stages of a simulated step did: their time, their memory, who waits where.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "strategies/simulation/simulation.hpp"

namespace forerun {

// Of many stages the first and the last ones.
std::string stage_times(const Simulation&, int width);   // the busiest role of each stage
std::string stage_memory(const Simulation&, int width);  // the fullest role of each stage
// Every role: stage, ranks, in_flight (passes), breakdown (null after a failure), memory at its peak, bytes.
nlohmann::ordered_json roles_json(const Simulation&);

// After a failure: the first instruction of each role that never ended.
std::string blocked_text(const Simulation&);
nlohmann::ordered_json blocked_json(const Simulation&);

}  // namespace forerun
