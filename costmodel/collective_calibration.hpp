// Fitted collectives as files: costmodel/collectives/GENERATION.yaml.
//
// A list of fits inside one node (collective_form.hpp), of custom all-reduces (custom_all_reduce.hpp) and of clusters (NetworkForm). Each says
// whose measurements it saw (source, date, samples), its parameters, its errors on sizes left out, and its spreads by time.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "costmodel/collective_fit.hpp"
#include "costmodel/custom_all_reduce.hpp"

namespace forerun {

struct NodeCalibration {
  CollectiveKind kind = CollectiveKind::all_reduce;
  std::string library;  // "nccl" is the one that steps take; others name a release or a laboratory that measured from the host
  std::string source, date;
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
// The fit of a kind whose library is `library`, else null.
const NodeCalibration* find_fit(const CollectiveCalibration&, CollectiveKind, std::string_view library);

}  // namespace forerun
