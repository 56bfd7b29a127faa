// A run as a picture for Perfetto, laid out as the simulator's (strategies/simulation/simulation_trace.hpp): a process
// is a rank, its tracks are the lanes that it used, a second track of a lane holds what stopped the computation, and a
// counter shows its memory.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>

#include "base/result.hpp"
#include "runtime/allocator.hpp"
#include "runtime/machine/interval.hpp"
#include "strategies/programs/program.hpp"

namespace forerun {

// The number of a lane in an Interval.
constexpr std::uint16_t track_of(Lane lane, bool stops = false) {
  return static_cast<std::uint16_t>(2 * static_cast<std::uint16_t>(lane) + (stops ? 1 : 0));
}

struct RankRun {
  int rank = 0;
  std::string name;  // "rank 0, stage 0"
  std::span<const Interval> intervals;  // lanes: track_of
  // positions: nanoseconds; as intervals, since an origin that all ranks share
  std::span<const Allocator::Change> memory;
  std::int64_t held = 0;  // bytes that live for the whole step and are not among the changes
};

void write_measured_trace(std::span<const RankRun>, std::ostream&);
// As save_trace_file (sim/trace/trace_file.hpp).
Problems save_measured_trace(std::span<const RankRun>, const std::string& path);

}  // namespace forerun
