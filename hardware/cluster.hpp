// A cluster: nodes of devices, a fabric inside the node, a network between nodes. The graph is hardware/topology.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hardware/device.hpp"

namespace forerun {

// A full-duplex link or port; bandwidth is per direction.
struct Link {
  BytesPerSecond bandwidth;
  Seconds latency;

  bool operator==(const Link&) const = default;
};

enum class FabricKind : std::uint8_t {
  switched,  // NVSwitch, NVL72: every device reaches every other at its full port rate; `link` is that port
  mesh,      // all-to-all or hybrid-cube links; `link` is the sum of one device's links
  pcie,      // through the host; `link` is the device's PCIe port
};

std::string_view to_string(FabricKind);

struct Fabric {
  FabricKind kind = FabricKind::switched;
  Link link;                      // per device, per direction
  bool reduces_in_switch = false;  // NVLink SHARP (NVLS)

  bool operator==(const Fabric&) const = default;
};

// Devices that share a fabric: a server, or an NVLink domain that spans a rack.
struct Node {
  Device device;
  int devices = 1;
  Fabric fabric;
  Link host;        // device to host memory and NIC (PCIe, NVLink-C2C), per device
  int nics = 0;     // per node, spread evenly over the devices; 0: the node stands alone
  Link nic;         // one NIC
  Bytes host_memory;  // of the whole node; 0: not known

  bool operator==(const Node&) const = default;
};

// A tier of the network above the node: `nodes` nodes share a switch layer; oversubscription divides what leaves it.
struct Tier {
  std::string name;            // rack, pod, spine
  int nodes = 0;               // nodes below one switch of this tier; 0 for the top tier: all
  double oversubscription = 1;  // capacity below the switch over capacity to the tier above
  Seconds latency;             // added by crossing this tier, one way

  bool operator==(const Tier&) const = default;
};

struct NodeGroup {
  int count = 0;  // 0: as many as the user asks for
  Node node;

  bool operator==(const NodeGroup&) const = default;
};

struct Cluster {
  std::string name;
  std::vector<std::string> aliases;
  std::vector<NodeGroup> nodes;  // one group in a homogeneous cluster
  std::vector<Tier> network;     // from the node outwards
  int max_gpus = 0;              // 0: no limit given

  bool operator==(const Cluster&) const = default;
};

bool is_homogeneous(const Cluster&);
const Node& node_of(const Cluster&);  // of a homogeneous cluster (asserted)

// Devices are named (`device: h100-sxm-80gb`) or written in place as a map.
Cluster read_cluster(const YamlNode&);
std::string to_yaml(const Cluster&);  // devices in place, so that the text stands alone

}  // namespace forerun
