// Text files that people hand us: read whole, or refused with a reason before any parser sees them.
#pragma once

#include <string>

#include "base/result.hpp"

namespace forerun {

// Problems: no such file, a directory, not readable, larger than 16 MB, a pipe that nothing writes to.
Result<std::string> read_text_file(const std::string& path);

// Problems of a text as YAML or JSON: larger than 16 MB, empty, binary (control characters or invalid UTF-8).
Problems check_text(const std::string& text, const std::string& name);

}  // namespace forerun
