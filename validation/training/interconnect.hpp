// What a free text says about the network of the machine that a run used: "4x Omni-Path 100", "RDMA 400 Gb/s per GPU",
// ...
#pragma once

#include <optional>
#include <string_view>

#include "hardware/cluster.hpp"

namespace forerun {

struct Interconnect {
  bool single_node = false;
  std::optional<int> devices;                 // "8-GPU nodes"
  std::optional<int> nics;                    // "8x ConnectX-7 400Gb/s": number and rate of one
  std::optional<BytesPerSecond> nic;
  std::optional<BytesPerSecond> per_device;   // "400 Gb/s per GPU"
  std::optional<BytesPerSecond> per_node;     // "inter-node 800 Gb/s"

  [[nodiscard]] bool says_network() const { return single_node || nic || per_device || per_node; }
};

// The text is cut at commas, semicolons and bars; parts about storage and management are left out. Of several networks
// the fastest counts.
Interconnect parse_interconnect(std::string_view text);

// The cluster with that network, and with nodes that `gpus` devices fill: a number that is no multiple of a node's
// makes smaller nodes (the largest divisor). Everything that the text does not say stays.
Cluster with_interconnect(Cluster, const Interconnect&, int gpus);

}  // namespace forerun
