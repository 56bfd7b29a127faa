// Collectives and the groups that run them: exact bytes, and where the members sit on the cluster.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/quantity.hpp"
#include "base/shard_sizes.hpp"
#include "hardware/topology.hpp"

namespace forerun {

enum class CollectiveKind : std::uint8_t { all_reduce, all_gather, reduce_scatter, all_to_all, broadcast, send };
std::string_view to_string(CollectiveKind);

// Members of a group at ranks base + i1 * stride1 + i2 * stride2 + ...: one axis for each dimension of the plan it
// spans.
struct Axis {
  int count = 1;
  int stride = 1;
};

// How the members of one group fall on the levels of a topology. Groups that straddle components unevenly are charged
// as the worst of them: as many components as the widest group touches.
struct Placement {
  struct Reach {
    int members = 1;               // of the group inside one component of this level
    // what one member can send across this level alone; in a mesh, to the other members only
    BytesPerSecond per_member;
    // What all members below one component of the level below may send together while every group of that shape is
    // active.
    BytesPerSecond share;
    Seconds latency;
    bool reduces_in_switch = false;
    FabricKind fabric = FabricKind::switched;  // of the innermost level
  };
  int size = 1;
  // same order as the topology's; levels that the group does not cross have members = those below
  std::vector<Reach> levels;
};

Placement place(const Topology&, const std::vector<Axis>&);
// One group: these ranks. Never slower than the worst group of its shape.
Placement place_members(const Topology&, const std::vector<int>& ranks);
// Two ranks with this level in common and none below it; across it each may send `share` (inside a node not read).
Placement place_pair(const Topology&, std::size_t level, BytesPerSecond share);

// Bytes as nccl-tests counts them: for all-gather and reduce-scatter the whole tensor, for all-to-all what one rank
// holds.
struct Collective {
  CollectiveKind kind = CollectiveKind::all_reduce;
  Bytes bytes;
};

// Bytes that the busiest rank sends when `elements` of `element_size` bytes go round a ring of k: exact integers. A
// ring all-gather sends every shard but the successor's; an all-reduce is a reduce-scatter and an all-gather.
Bytes wire_bytes(CollectiveKind, std::int64_t elements, Bytes element_size, int k);

}  // namespace forerun
