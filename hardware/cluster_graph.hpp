// A cluster of a given size as plain vertices and edges: what levels are found in, and what flows run over.
#pragma once

#include <cstdint>
#include <vector>

#include "hardware/cluster.hpp"

namespace forerun {

// `ring` counts outwards: 0 the fabric, 1 device to NIC, 2 NIC to the first switch, then one for each tier above.
struct GraphEdge {
  std::uint32_t from;
  std::uint32_t to;
  Link link;
  int ring;
};

// Vertices 0 to devices - 1 are the devices, node by node in the order of the cluster's groups; after them, in each
// node's turn, its switch or host and its NICs, and last the switches of the network.
//
//   switched, pcie   device -- switch or host, at the device's port rate
//   mesh             device -- device, each pair at port rate / (devices of a node - 1)
//   NIC              device -- NIC at the device's host rate (shared out when a device has several),
//                    NIC -- switch at the NIC's rate
//   tier             switch -- switch above, at the sum of what is below / oversubscription
//
// A tier's latency lies half on the way up to its switch and half on the way down, so that a route pays it once.
struct ClusterGraph {
  std::uint32_t devices = 0;
  std::uint32_t vertices = 0;
  int rings = 0;
  std::vector<GraphEdge> edges;          // from the innermost ring to the outermost
  std::vector<std::size_t> group;        // of each device: the index in Cluster::nodes
  std::vector<BytesPerSecond> alone;  // by ring: what the slowest device alone gets through the links of that ring
};

// `gpus`: part of one node, or whole nodes in number and kind as the cluster has them (asserted).
ClusterGraph build_graph(const Cluster&, int gpus);

}  // namespace forerun
