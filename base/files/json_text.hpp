// JSON as the YAML that yaml-cpp reads.
#pragma once

#include <string>
#include <string_view>

namespace forerun {

// JSON is YAML, but for two things: tabs may indent it, and characters beyond 16 bits may be escaped as surrogate
// pairs. Tabs outside strings become spaces, surrogate pairs the characters themselves; all else stays where it is.
std::string yaml_from_json(std::string_view text);

}  // namespace forerun
