// JSON as verbs print it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/quantity.hpp"

namespace forerun {

std::string indented(const nlohmann::ordered_json&);  // ends with a newline

nlohmann::ordered_json or_null(std::optional<double>);
nlohmann::ordered_json or_null(std::optional<bool>);

// Sizes are whole numbers in JSON.
inline std::int64_t whole_bytes(Bytes bytes) { return static_cast<std::int64_t>(bytes.value()); }

}  // namespace forerun
