#include "hardware/cluster.hpp"

#include <algorithm>
#include <array>
#include <cassert>

namespace forerun {

std::string_view to_string(FabricKind kind) {
  static constexpr std::array<std::string_view, 3> names{"switched", "mesh", "pcie"};
  return names[static_cast<std::size_t>(kind)];
}

bool is_homogeneous(const Cluster& cluster) {
  return !cluster.nodes.empty() && std::all_of(cluster.nodes.begin(), cluster.nodes.end(), [&](const NodeGroup& group) {
    return group.node == cluster.nodes.front().node;
  });
}

const Node& node_of(const Cluster& cluster) {
  assert(is_homogeneous(cluster) && "only a cluster of one kind of node has 'the' node");
  return cluster.nodes.front().node;
}

}  // namespace forerun
