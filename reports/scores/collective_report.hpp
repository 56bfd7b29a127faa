// A validation of collectives as JSON and as tables for the terminal.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "validation/collectives/collective_fitting.hpp"
#include "validation/collectives/collective_validation.hpp"

namespace forerun {

// rows, scored, others, skipped, in_node, over_network, groups: each source, gpu, dtype, kind, nodes, link, n, median,
// p90, sum_ratio, evidence, in_band; with left-out rows also left_out (in a group and above) and held_out_ranks. Errors
// as fractions.
nlohmann::ordered_json to_json(const CollectiveValidation&);
std::string json_text(const CollectiveValidation&);
std::string to_text(const CollectiveValidation&, int width);

// A table of what each fit reaches in its sample and on sizes left out, and what was not fitted.
std::string to_text(const CollectiveFitting&, int width);

}  // namespace forerun
