// A plan as a Program.
#pragma once

#include "strategies/programs/program.hpp"

namespace forerun {

struct PricedScenario;
struct Topology;

struct LowerOptions {
  bool every_rank = false;       // a role for each rank
  std::vector<int> different;    // ranks with something of their own (a straggler): they share a role with nobody
};

// `table`: of the plan, for the micro-batches of one pipeline. The plan must be valid (check_plan).
Program lower(const PricedScenario&, const Plan&, const ScheduleTable& table, const LowerOptions&);

// Groups of identical ranks: same program, same places of all their groups on the cluster, same roles among the peers
// of each group. `program_of_rank`: which of the programs each rank runs.
void find_roles(const Topology&, const std::vector<std::uint32_t>& program_of_rank, const LowerOptions&, Program&);

}  // namespace forerun
