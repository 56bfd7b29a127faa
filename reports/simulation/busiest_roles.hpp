// Which of a simulation's roles stand for the others in tables and pictures.
#pragma once

#include <cstdint>
#include <vector>

#include "strategies/simulation/simulation.hpp"

namespace forerun {

// How long a role's computation did not wait for others.
Seconds busy(const Simulation&, std::uint32_t role);
std::vector<std::uint32_t> busiest_of_stages(const Simulation&);  // a role for each stage; ties: the first
std::uint32_t busiest(const Simulation&);
std::vector<std::uint32_t> fullest_of_stages(const Simulation&);  // those that hold most memory at their peaks
std::uint32_t sends_most(const Simulation&);                      // the role with the most bytes on the wire

}  // namespace forerun
