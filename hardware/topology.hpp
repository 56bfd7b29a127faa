// A cluster of a given size as a graph, and the levels found in it.
//
// The graph is hardware/cluster_graph.hpp. Levels are found in it, not assumed: links are taken ring after ring from
// the inside outwards, and wherever that brings devices together in larger components, there is a level. (Rings rather
// than rates, so that a network as fast as the fabric still makes a level of its own, with its own latency.)
#pragma once

#include <vector>

#include "hardware/cluster.hpp"

namespace forerun {

// What devices see when they talk across a component of `size` devices but not beyond it. Devices are numbered node by
// node; cut into blocks of `size` from the first one on, no block straddles two components of this level. A last
// component may be smaller; in a cluster of several kinds of nodes, rates are those of the slowest.
struct Level {
  int size = 1;                    // devices in one component of this level
  BytesPerSecond per_device;       // what one device alone can send to the other components of the level below
  BytesPerSecond per_component;    // what a whole component of the level below can send to the others (the cut)
  Seconds latency;                 // one way, the longest shortest path
  bool reduces_in_switch = false;
  FabricKind fabric = FabricKind::switched;  // of the first level; of several kinds of nodes the first one's

  bool operator==(const Level&) const = default;
};

// The first level is the node. A node of one device, like one GPU alone, has size 1, infinite bandwidth and no latency.
struct Topology {
  int devices = 0;
  std::vector<Level> levels;  // from the innermost; level.size grows and the last equals `devices`

  bool operator==(const Topology&) const = default;
};

// Problems: `gpus` above the cluster's limit, not a multiple of a node (unless it fits in one node), or a cluster of
// several device kinds whose counts do not add up to it.
Result<Topology> build_topology(const Cluster&, int gpus);

}  // namespace forerun
