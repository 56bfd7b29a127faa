// Answers as JSON, with the same fields as the tables; times in seconds, sizes in bytes, shares as fractions.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "strategies/plan/plan_file.hpp"
#include "strategies/search/advice.hpp"
#include "strategies/search/search.hpp"
#include "strategies/search/simulated_ranking.hpp"

namespace forerun {

struct OwnCalibrations;

nlohmann::ordered_json to_json(const Plan&);       // the keys of plan.yaml
nlohmann::ordered_json to_json(const Scenario&);
// Keys: step_time_s, low, high, evidence, tokens_per_s, mfu, memory, breakdown, bytes, ...
nlohmann::ordered_json to_json(const Estimate&);
nlohmann::ordered_json to_json(const MemoryUse&);
nlohmann::ordered_json to_json(const StageMemory&);
nlohmann::ordered_json to_json(const Breakdown&);
nlohmann::ordered_json to_json(const Traffic&);  // only what is used: {"tp": {"all_reduce": {"api": ..., "wire": ...}}}
nlohmann::ordered_json to_json(const RankedPlan&);
nlohmann::ordered_json to_json(const SimulatedPlan&);  // the same, and `simulated`: step_time_s and difference, or null
nlohmann::ordered_json to_json(const Certificate&);
nlohmann::ordered_json to_json(const std::vector<Change>&);
// Keys of each file: `file`, `device` or `generation`, `fits` as people read them.
nlohmann::ordered_json to_json(const OwnCalibrations&, const Cluster&);

}  // namespace forerun
