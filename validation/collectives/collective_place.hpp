// Where a measured collective was run, from the words of its row: device, fabric, network, software.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "costmodel/collectives/collective_networks.hpp"
#include "costmodel/collectives/nccl_model.hpp"
#include "costmodel/own_calibrations.hpp"
#include "costmodel/parameters.hpp"
#include "hardware/cluster.hpp"
#include "validation/collectives/collective_rows.hpp"

namespace forerun {

struct CollectivePlace {
  Cluster cluster;          // with the row's node and network
  NcclGroup group;          // port, ranks and nodes; of software that is not NCCL only those
  NetworkKind network;      // of several nodes
  BytesPerSecond rate;      // of a node's ports together, by the row or the catalogue
  std::string link;         // the row's words on the network, or the catalogue's cluster
  // Inside a node "nccl", a release ("nccl-2.23"), a laboratory ("vidur"), or for custom all-reduces "vllm_graph".
  std::string library;
};

// "32x100G", "4 x 200 Gb/s", "8x400G": how many ports a node has and the rate of each; nothing where the text does not
// say.
struct Ports {
  int count = 0;
  BytesPerSecond each;
};
std::optional<Ports> parse_ports(const std::string& link);

class CollectivePlacer {
 public:
  // Families have these calibrations over the shipped ones.
  explicit CollectivePlacer(const OwnCalibrations& own = {}) : own_(own.collectives) {}
  // Nothing: a GPU that the catalogue does not know, or links of words that are not known.
  std::optional<CollectivePlace> place(const CollectiveRow&);
  // Of a row that has no place: "GPU not in the catalogue: A1000".
  [[nodiscard]] std::string why_not(const CollectiveRow&) const;
  const Result<FamilyParameters>& parameters(const std::string& family);

 private:
  const std::optional<Cluster>& cluster_of(const std::string& gpu);

  std::vector<CollectiveCalibration> own_;
  std::map<std::string, std::optional<Cluster>> clusters_;
  std::map<std::string, Result<FamilyParameters>> families_;
};

}  // namespace forerun
