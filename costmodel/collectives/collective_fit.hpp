// From measured collectives to the parameters of the two calibrated models, with what each fit is worth on rows that it
// did not see.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "costmodel/collectives/collective_form.hpp"
#include "costmodel/collectives/collective_sample.hpp"
#include "costmodel/collectives/nccl_model.hpp"

namespace forerun {

// Ranks of one node. Samples are of one kind and generation; those that the form has no use for (`floor` of a library
// that has none, switch and small messages where they do not exist) are not fitted.
struct NodeFit {
  CollectiveForm form;
  FitError in_sample, left_out;  // left_out: sizes, in turn
  CollectiveSpread spread;
  std::size_t samples = 0;

  bool operator==(const NodeFit&) const = default;
};

enum class HostFloor : std::uint8_t { none, fitted };
// The form's parameters alone. With `given`, only its rate and floor: for a laboratory with too few rows for a form of
// its own.
CollectiveForm fit_node_form(std::span<const CollectiveSample>, HostFloor, const CollectiveForm* given = nullptr);
NodeFit fit_node(std::span<const CollectiveSample>, HostFloor, const CollectiveForm* given = nullptr);

// Ranks of several nodes: NCCL's model with the constants of one network.
struct NetworkForm {
  double latency = 0;  // seconds of a crossing, beyond InfiniBand's
  double share = 1;  // of what network_share leaves of the datasheet rate
  double pipelining = 0;  // NcclCorrection

  bool operator==(const NetworkForm&) const = default;
};
struct NetworkFit {
  NetworkForm form;
  FitError in_sample, left_out;  // left_out: sizes, in turn
  CollectiveSpread spread;
  std::size_t samples = 0;

  bool operator==(const NetworkFit&) const = default;
};

Seconds time(const NetworkForm&, CollectiveKind, Bytes, NcclGroup, const NcclCorrection& of_generation);
NetworkForm fit_network_form(std::span<const CollectiveSample>);
NetworkFit fit_network(std::span<const CollectiveSample>);

}  // namespace forerun
