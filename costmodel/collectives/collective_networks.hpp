// What is known of a kind of network where nobody measured the cluster itself.
#pragma once

#include <string_view>

#include "base/quantity.hpp"

namespace forerun {

struct NetworkKind {
  std::string_view name;
  Seconds latency;    // of a crossing, beyond InfiniBand's (what NCCL's table holds)
  double share = 1;   // of the datasheet rate that is left to NCCL, InfiniBand's being 1
  double spread = 0;  // of ln(measured / predicted)
};

// By the words of a description ("EFAv2 32x100G", "IB NDR 8x400G", "RoCE 1x400G no GDR"); `nics` of a node tells the
// first EFA (4) from later ones. Unknown words: RoCE's numbers and a wide spread.
NetworkKind network_kind(std::string_view description, int nics);

}  // namespace forerun
