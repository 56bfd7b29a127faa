// Where the time of a step goes.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "costmodel/timing.hpp"
#include "strategies/programs/breakdown.hpp"

namespace forerun {

std::string band(const Timing&);       // "14.7 s (13.1 to 16.5)"
std::string band_note(const Timing&);  // "80 % band 13.1 s to 16.5 s"

// A row a category that takes time, and the step, with `note` beside it.
std::string breakdown_table(const Breakdown&, Seconds step, const std::string& note, int width);
// Every category: compute_s, recompute_s, exposed_s and hidden_s by dimension, bubble_s, optimizer_s, offload_s,
// host_s.
nlohmann::ordered_json to_json(const Breakdown&);

// The categories that any of these wait for, for tables with a column each.
std::vector<TimeCategory> waited_for(std::span<const Breakdown* const>);

// Shares of the step as a bar of characters, not in their order in time, and what the characters mean.
std::string bar(const Breakdown&, int width);

}  // namespace forerun
