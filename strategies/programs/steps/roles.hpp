// Which ranks run which programs, and which of them do the same.
#pragma once

#include <functional>

#include "strategies/programs/program.hpp"

namespace forerun {

struct PricedScenario;
struct Topology;

struct LowerOptions {
  bool every_rank = false;       // a role for each rank
  std::vector<int> different;    // ranks with something of their own (a straggler): they share a role with nobody
};

// Fills in stages and roles of a program whose plan is there. `lower_stages` adds the programs of all stages, in their
// order, of ranks whose experts draw `load` times the balanced number of rows: once, or twice where experts are skewed
// and one rank of each group draws more than the others.
void lower_ranks(const PricedScenario&, const LowerOptions&, Program&,
                 const std::function<void(double load)>& lower_stages);

// Groups of identical ranks: same program, same places of all their groups on the cluster, same roles among the peers
// of each group. `program_of_rank`: which of the programs each rank runs.
void find_roles(const Topology&, const std::vector<std::uint32_t>& program_of_rank, const LowerOptions&, Program&);

}  // namespace forerun
