// Time inside the simulator: whole picoseconds, exact to compare and the same on every machine. 2^64 ps are 213 days.
#pragma once

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/quantity.hpp"

namespace forerun {

using Tick = std::uint64_t;

inline constexpr Tick never = std::numeric_limits<Tick>::max();
inline constexpr double ticks_per_second = 1e12;

// The clock stands still here, after 106 days: what takes longer is not told apart.
inline constexpr Tick clock_end = Tick{1} << 63;

// To the nearest picosecond; at most the clock's end.
inline Tick to_ticks(Seconds time) {
  const double ticks = std::round(time.value() * ticks_per_second);
  assert(ticks >= 0 && "a time that is negative or not a number");
  return ticks < static_cast<double>(clock_end) ? static_cast<Tick>(ticks) : clock_end;
}

constexpr Tick later(Tick now, Tick by) { return now + std::min(by, clock_end - now); }  // now: on the clock

constexpr Seconds to_seconds(Tick ticks) { return Seconds{static_cast<double>(ticks) / ticks_per_second}; }

}  // namespace forerun
