// A simulated step as an answer: the figures that tables and JSON show.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <vector>

#include "strategies/closed_form/estimate.hpp"
#include "strategies/simulation/simulation.hpp"

namespace forerun {

// Of the whole step; the closed form's are beside it.
struct SimulatedFigures {
  double tokens_per_second = 0;
  double mfu = 0, hfu = 0;
  double difference = 0;  // step over the closed form's median, less 1
};
SimulatedFigures figures(const Estimate& closed_form, Seconds step);

// How long a role's computation did not wait for others.
Seconds busy(const Simulation&, std::uint32_t role);
std::vector<std::uint32_t> busiest_of_stages(const Simulation&);  // a role for each stage; ties: the first
std::uint32_t busiest(const Simulation&);
std::uint32_t fullest_of_stage(const Simulation&, int stage);  // the role that holds most memory at its peak
bool has_weight_passes(const Program&);                        // does its schedule run weight gradients apart?
std::uint32_t sends_most(const Simulation&);  // the role with the most bytes on the wire

// complete, step_time_s, tokens_per_s, mfu, hfu (all null after a failure), closed_form, disturbances, tasks, roles
// (stage, ranks, passes in flight, breakdown, memory with what is alive at its peak, bytes), critical_path, memory,
// bytes, blocked.
nlohmann::ordered_json to_json(const Estimate& closed_form, const Simulation&, const Disturbances&);

}  // namespace forerun
