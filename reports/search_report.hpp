// The best plans of a search, ranked by simulation, and why they are the best.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "strategies/search/advice.hpp"
#include "strategies/search/search.hpp"
#include "strategies/search/simulated_ranking.hpp"

namespace forerun {

struct SearchAnswer {
  const PricedScenario& scenario;
  const SearchResult& result;
  const Wishes& wishes;
  const Ranking& ranking;  // of at least one kind
  std::vector<CheaperBatch> batches;
};

std::string to_text(const SearchAnswer&, int width);
// The scenario, `ranked_by`, `remarks`, `plans` (each as an estimate, `simulated`: the same figures, or null, `ties`:
// variants that are as fast), `without` (of each feature the best plan without it), `rule_of_thumb`, `cheaper_batches`,
// `certificate`, `conditions` and `not_in_the_space`.
std::string json_text(const SearchAnswer&);

nlohmann::ordered_json to_json(const Certificate&);

}  // namespace forerun
