#include "costmodel/collectives/collective.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>

namespace forerun {

std::string_view to_string(CollectiveKind kind) {
  static constexpr std::array<std::string_view, 6> names{"all_reduce", "all_gather", "reduce_scatter",
                                                         "all_to_all", "broadcast",  "send"};
  return names[static_cast<std::size_t>(kind)];
}

namespace {

// Members that every group has together inside `component` consecutive ranks. Groups tile the ranks in blocks of count
// x stride; where those and the components do not divide each other (16 in a rack of 72), some group straddles a
// border, but no run of their greatest common divisor does.
int members_within(const std::vector<Axis>& axes, int component) {
  int members = 1;
  for (const Axis& axis : axes)
    members *= std::clamp(std::gcd(axis.count * axis.stride, component) / axis.stride, 1, axis.count);
  return members;
}

// Greatest common divisor of how many of the ranks lie in each component that they touch.
int members_in_each(const std::vector<int>& ranks, int component) {
  std::map<int, int> inside;
  for (const int rank : ranks) ++inside[rank / component];
  int common = 0;
  for (const auto& [where, count] : inside) common = std::gcd(common, count);
  return common;
}

template <class MembersWithin>
Placement place_by(const Topology& topology, int size, MembersWithin within) {
  Placement placement;
  placement.size = size;
  int below = 1;       // members in a component of the level below
  int below_size = 1;  // devices in a component of the level below
  for (const Level& level : topology.levels) {
    int members = &level == &topology.levels.back() ? placement.size : within(level.size);
    // Strides that do not divide the component leave odd numbers: count what always stays inside.
    while (members > 1 && placement.size % members != 0) --members;
    const double fraction =
        static_cast<double>(below) / below_size;  // of a component's devices that belong to one group
    Placement::Reach reach;
    reach.members = members;
    reach.latency = level.latency;
    reach.reduces_in_switch = level.reduces_in_switch;
    reach.fabric = level.fabric;
    reach.per_member = level.per_device;
    // Every pair of a mesh has links of its own; those to devices outside the group help nobody.
    if (level.fabric == FabricKind::mesh && members > 1)
      reach.per_member *= static_cast<double>(members - 1) / (level.size - 1);
    reach.share = min(static_cast<double>(below) * level.per_device, fraction * level.per_component);
    placement.levels.push_back(reach);
    below = members;
    below_size = level.size;
  }
  return placement;
}

}  // namespace

Placement place(const Topology& topology, const std::vector<Axis>& axes) {
  int size = 1;
  for (const Axis& axis : axes) size *= axis.count;
  return place_by(topology, size, [&](int component) { return members_within(axes, component); });
}

Placement place_members(const Topology& topology, const std::vector<int>& ranks) {
  return place_by(topology, static_cast<int>(ranks.size()),
                  [&](int component) { return members_in_each(ranks, component); });
}

Placement place_pair(const Topology& topology, std::size_t level, BytesPerSecond share) {
  Placement pair =
      place_by(topology, 2, [&](int component) { return component >= topology.levels[level].size ? 2 : 1; });
  if (level > 0) pair.levels[level].share = share;
  return pair;
}

Bytes wire_bytes(CollectiveKind kind, std::int64_t elements, Bytes element_size, int k) {
  if (k <= 1) return Bytes{0};
  const auto [largest, smallest] = shard_sizes(elements, k);
  const std::int64_t once = elements - smallest;
  switch (kind) {
    // In its two passes a rank keeps back the shards of two neighbours, which are not both short when only one is.
    case CollectiveKind::all_reduce:
      return static_cast<double>(2 * once - (elements % k == k - 1 ? largest - smallest : 0)) * element_size;
    case CollectiveKind::all_gather:
    case CollectiveKind::reduce_scatter:
    case CollectiveKind::all_to_all:
      return static_cast<double>(once) * element_size;
    case CollectiveKind::broadcast:
    case CollectiveKind::send:
      return static_cast<double>(elements) * element_size;
  }
  return Bytes{0};
}

}  // namespace forerun
