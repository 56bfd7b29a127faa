// What a field table writes, as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/fields/value.hpp"

namespace forerun {

// Keys in the order of the table; numbers, flags and texts as such, quantities as texts with their unit.
nlohmann::ordered_json to_json(const fields::Value&);

}  // namespace forerun
