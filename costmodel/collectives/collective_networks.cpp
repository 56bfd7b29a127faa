#include "costmodel/collectives/collective_networks.hpp"

#include <string>

#include "base/text.hpp"

namespace forerun {
namespace {

// Floors of public all-reduces on two nodes, 8 bytes, against InfiniBand's 25 us: EFA 69 (p5) and 161 us (p4de), TCPXO
// 123, RoCE up to 54 us; up and down the tree a message crosses twice. TCPX: 0.84 ms of a gather's first megabyte.
// Slingshot: as InfiniBand (17.5 us, 2 x 4 GH200).
constexpr NetworkKind infiniband{"InfiniBand", Seconds{1e-6}, 1, 0.12};
constexpr NetworkKind slingshot{"Slingshot", Seconds{1e-6}, 0.9, 0.3};
constexpr NetworkKind roce{"RoCE", Seconds{3e-6}, 1, 0.2};
constexpr NetworkKind efa{"EFA", Seconds{22e-6}, 0.95, 0.2};
constexpr NetworkKind first_efa{"EFA, four ports", Seconds{68e-6}, 0.95, 0.3};
constexpr NetworkKind tcpxo{"GPUDirect-TCPXO", Seconds{49e-6}, 0.85, 0.3};
constexpr NetworkKind tcpx{"GPUDirect-TCPX", Seconds{200e-6}, 0.8, 0.5};
constexpr NetworkKind staged{"through host memory", Seconds{15e-6}, 0.3, 0.4};
constexpr NetworkKind unknown{"unknown", Seconds{3e-6}, 1, 0.5};

bool has(const std::string& text, std::string_view word) { return text.find(word) != std::string::npos; }

}  // namespace

NetworkKind network_kind(std::string_view description, int nics) {
  const std::string text = lower(description);
  if (has(text, "no gdr") || has(text, "gdr 0") || has(text, "without gdr") || has(text, "ethernet") ||
      has(text, "socket"))
    return staged;
  if (has(text, "efa")) return nics <= 4 ? first_efa : efa;
  if (has(text, "tcpxo")) return tcpxo;
  if (has(text, "tcpx")) return tcpx;
  if (has(text, "slingshot")) return slingshot;
  if (has(text, "roce") || has(text, "spectrum")) return roce;
  for (const std::string_view word : {"ib", "infiniband", "ndr", "hdr", "xdr", "omni-path", "opa"}) {
    if (has(text, word)) return infiniband;
  }
  return unknown;
}

}  // namespace forerun
