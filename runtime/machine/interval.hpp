// What one rank did when, by this machine's monotonic clock, which its ranks share.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace forerun {

using Clock = std::chrono::steady_clock;

struct Interval {
  std::string_view name, category;  // of memory that outlives it: an instruction is named once, and done often
  std::uint16_t lane = 0;  // the caller's number
  std::chrono::nanoseconds begin{}, end{};  // since an origin of the caller's

  bool operator==(const Interval&) const = default;
};

}  // namespace forerun
