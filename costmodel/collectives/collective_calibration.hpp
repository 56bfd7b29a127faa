// Fitted collectives as files: costmodel/data/collectives/GENERATION.yaml.
//
// A list of fits inside one node (collective_form.hpp), of custom all-reduces (custom_all_reduce.hpp) and of clusters
// (NetworkForm). Each says whose measurements it saw (source, date, samples), its parameters, its errors on sizes left
// out, and its spreads by time.
//
// Constants of a network say of which link they are in the words of the measurements, which no cluster's file repeats.
// Steps take them only where the user says that the two are one, `cluster: NAME`; the rate that the rows state is kept
// beside (`rate`), so that a share of it stays the same bandwidth where the cluster's file states another. Measured end
// to end, they hold what the network's tiers add: a cluster whose file also narrows its tiers is charged for that
// twice.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "costmodel/collectives/collective_fit.hpp"
#include "costmodel/collectives/custom_all_reduce.hpp"
#include "hardware/cluster.hpp"

namespace forerun {

struct NodeCalibration {
  CollectiveKind kind = CollectiveKind::all_reduce;
  // "nccl" is the one that steps take; others name a release or a laboratory that measured from the host
  std::string library;
  std::string source, date;
  BytesPerSecond port;  // of the devices measured: the file's
  NodeFit fit;

  bool operator==(const NodeCalibration&) const = default;
};

struct CustomCalibration {
  std::string library;  // "vllm_graph", "TRTLLM"
  std::string source, date;
  CustomFit fit;

  bool operator==(const CustomCalibration&) const = default;
};

struct NetworkCalibration {
  std::string link;  // as the measurements describe it: "EFAv2 32x100G"
  CollectiveKind kind = CollectiveKind::all_reduce;
  int ranks = 0, nodes = 0;
  // The cluster whose steps take these constants, by the name or an alias of its file; empty: only `validate` uses
  // them.
  std::string cluster;
  // The datasheet's rate of a node's ports together, of which the fit is a share; 0: as the cluster's file says.
  BytesPerSecond rate;
  std::string source, date;
  NetworkFit fit;

  bool operator==(const NetworkCalibration&) const = default;
};

struct CollectiveCalibration {
  NcclGeneration generation = NcclGeneration::hopper;
  BytesPerSecond port;  // of the devices measured
  std::vector<NodeCalibration> node;
  std::vector<CustomCalibration> custom;
  std::vector<NetworkCalibration> networks;

  bool operator==(const CollectiveCalibration&) const = default;
};

CollectiveCalibration read_collective_calibration(const YamlNode&);
std::string to_yaml(const CollectiveCalibration&);  // reading it gives the same to the four digits that are written

// Nothing fitted: an empty one. Problems: a file of ours that does not read.
Result<CollectiveCalibration> find_collective_calibration(NcclGeneration);

std::string_view to_string(NcclGeneration);
std::optional<NcclGeneration> generation_named(std::string_view);
// A kind that `over` has replaces the fits of it in `below`, its custom all-reduces all of them, a network the
// constants of the same link.
CollectiveCalibration merged(const CollectiveCalibration& below, const CollectiveCalibration& over);
// The constants that name this cluster.
std::vector<NetworkCalibration> networks_of(const CollectiveCalibration&, const Cluster&);
// Keeps no fits of other libraries, where the ranks are known to be connected by `library`: those of a host by
// "in-process" (threads) or "mpi" (processes). A kind that it was not measured for is left without a curve.
void only_library(CollectiveCalibration&, std::string_view library);
// The fit of its kind that steps take: NCCL's, or the first where none is called so.
bool is_for_steps(const CollectiveCalibration&, const NodeCalibration&);
// The fit of a kind whose library is `library`, else null.
const NodeCalibration* find_fit(const CollectiveCalibration&, CollectiveKind, std::string_view library);

}  // namespace forerun
