// What one rank sends in a step: bytes that it hands to collectives, and bytes on the wire.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "strategies/programs/traffic.hpp"

namespace forerun {

// Both show only what is used.
std::string traffic_table(const Traffic&, int width);  // "": nothing
nlohmann::ordered_json to_json(const Traffic&);        // {"tp": {"all_reduce": {"api": ..., "wire": ...}}}

}  // namespace forerun
