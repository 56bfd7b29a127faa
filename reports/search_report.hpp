// The best plans of a search, ranked by simulation, and why they are the best.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "strategies/search/search.hpp"
#include "strategies/search/simulated_ranking.hpp"

namespace forerun {

// At least one plan.
struct SearchAnswer {
  const PricedScenario& scenario;
  const SearchResult& result;
  const std::vector<SimulatedPlan>& plans;  // those to show, the best first
};

std::string to_text(const SearchAnswer&, int width);
// The scenario, `plans` (each as an estimate, and `simulated`: step_time_s and difference, or null), `without` (of each
// feature the best plan without it), `rule_of_thumb`, `certificate`.
std::string json_text(const SearchAnswer&);

nlohmann::ordered_json to_json(const Certificate&);

}  // namespace forerun
