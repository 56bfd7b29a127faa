// Amounts to be moved over shared capacities, and nothing else: when does each arrive?
#pragma once

#include <span>
#include <vector>

#include "sim/demand.hpp"
#include "sim/fluid_system.hpp"
#include "sim/tick.hpp"

namespace forerun {

struct Transfer {
  double size;               // positive; bytes, say
  std::vector<Demand> path;  // share 1 of each link
  double cap = no_cap;       // largest rate; bytes a second
  Tick start = 0;
};

// The time at which each transfer is complete. Capacities (by CapacityId) are in sizes a second. Rates are max-min fair
// at every moment; each change of a rate rounds the time by half a picosecond at most.
std::vector<Tick> finish_times(std::span<const double> capacities, std::span<const Transfer>);

}  // namespace forerun
