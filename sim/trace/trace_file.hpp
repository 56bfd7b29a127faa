// A trace as a file that is there whole or not at all.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "base/result.hpp"

namespace forerun {

// Writes `path`.tmp, then renames it; straight to a pipe or a device. Problems: it cannot be written (no such folder, a
// full disk); nothing is left of it then.
Problems save_trace_file(const std::string& path, const std::function<void(std::ostream&)>& write);

}  // namespace forerun
