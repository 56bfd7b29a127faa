// What the critical path of a step consists of.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "strategies/simulation/simulation.hpp"

namespace forerun {

std::string critical_path_table(const CriticalPath&, int width);
// compute_s, recompute_s, communication_s by dimension, optimizer_s, host_s, waiting_s.
nlohmann::ordered_json to_json(const CriticalPath&);

}  // namespace forerun
