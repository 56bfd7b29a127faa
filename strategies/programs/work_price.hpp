// How long each work of a program takes on a device, and how sure we are.
#pragma once

#include <array>
#include <vector>

#include "strategies/programs/program.hpp"

namespace forerun {

struct Axis;
struct Boundary;
struct Placement;
struct PricedScenario;
struct Scenario;
struct Timing;
struct Topology;

// Errors of kernels of one kind are taken as fully correlated, of different kinds as independent: sums of time x
// spread.
enum class ErrorKind : std::uint8_t { gemm, attention, streaming, communication };
inline constexpr std::size_t error_kinds = 4;

// Whole picoseconds, as the simulator takes it.
struct WorkPrice {
  Seconds time;
  std::array<Seconds, error_kinds> error{};  // time x spread
};

using Placements = std::array<Placement, group_count>;
Placements placements_of(const Topology&, const Plan&);

// Of works of one block's program. Where the host cannot launch the kernels of a part (forward, recompute, both
// gradients) as fast as they run, they are stretched to the time that it needs.
std::vector<WorkPrice> price_works(const PricedScenario&, const std::vector<Work>&, const Placements&);
// Of a message between two stages.
WorkPrice price_message_over(const PricedScenario&, const Communication&, Placements, const Boundary&);
// Over a device's own link to its host; and the optimiser on the host, whose processors all devices of a node that the
// plan uses share equally.
Seconds host_copy_time(const Scenario&, Bytes);
Seconds host_update_time(const Scenario&, std::int64_t parameters);
// Adds what one rank hands to `times` of them.
void count_traffic(const Communication&, const Plan&, double times, Traffic&);
Timing communication_time(const PricedScenario&, const Communication&, const Placements&);
Timing in_turn(const Timing&, const Timing&);  // one after the other

}  // namespace forerun
