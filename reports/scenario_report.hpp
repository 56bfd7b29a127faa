// What every answer begins and ends with: what was asked, and where the numbers come from.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "strategies/plan/scenario.hpp"

namespace forerun {

std::string counted(std::size_t n, std::string_view noun);  // "1 plan", "3 plans"

std::string headline(const Scenario&);               // two lines
std::string headline(const Scenario&, const Plan&);  // and the plan, remarks on it, and an empty line
nlohmann::ordered_json to_json(const Plan&);         // the keys of plan.yaml
nlohmann::ordered_json to_json(const Scenario&);
nlohmann::ordered_json headline_json(const Scenario&, const Plan&);  // the scenario's, `plan`, `remarks`

// The user's calibrations, the rung of the times, how MFU counts, whose software figures they are.
std::string sources(const PricedScenario&);
// `power_limited_share` of the peak (null where the peak binds) and `calibrations`, where there are any: of each file
// `file`, `device` or `generation`, and `fits` as people read them.
void add_sources(nlohmann::ordered_json& answer, const PricedScenario&);

}  // namespace forerun
