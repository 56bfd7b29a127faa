// Time inside the simulator: whole picoseconds, exact to compare and the same on every machine. 2^64 ps are 213 days.
#pragma once

#include <cassert>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/quantity.hpp"

namespace forerun {

using Tick = std::uint64_t;

inline constexpr Tick never = std::numeric_limits<Tick>::max();
inline constexpr double ticks_per_second = 1e12;

// To the nearest picosecond. Between 0 s and 106 days.
inline Tick to_ticks(Seconds time) {
  const double ticks = std::round(time.value() * ticks_per_second);
  assert(ticks >= 0 && ticks < 0x1p63 && "a time that is negative, not a number, or longer than the clock");
  return static_cast<Tick>(ticks);
}

constexpr Seconds to_seconds(Tick ticks) { return Seconds{static_cast<double>(ticks) / ticks_per_second}; }

}  // namespace forerun
