// Messages between pairs: all-to-all and send. Plateaus of public all-to-all runs inside a node: 203 of 300, 315 to 346
// of 450, 570 of 900 GB/s.
#include <algorithm>
#include <cmath>

#include "costmodel/collectives/nccl_model.hpp"

namespace forerun {
namespace {

constexpr double port_share = 0.72;  // of the datasheet rate, all peers together
constexpr Seconds start{6e-6},
    peer{0.15e-6};  // LL of messages inside a node, on A100 and H100: 6 to 11 us for 2, 7 to 15 for 8
constexpr Seconds crossing{8e-6},
    remote_peer{0.5e-6};  // of a network message beyond it (hwLat of LL128 and up); each further peer

Seconds pipelined(Seconds latency, Seconds transfer, const NcclCorrection& c) {
  return latency + transfer + Seconds{2 * c.pipelining * std::sqrt(latency.value() * transfer.value())};
}

Seconds start_of(const NcclGroup& g, int peers, const NcclCorrection& c) {
  const int inside = std::min(peers, g.ranks / g.nodes - 1);
  const Seconds latency = c.latency * (start + peer * static_cast<double>(inside));
  if (g.nodes == 1) return latency;
  return latency + crossing + 2.0 * g.network_latency + remote_peer * static_cast<double>(peers - inside);
}

}  // namespace

Seconds nccl_all_to_all(Bytes bytes, const NcclGroup& g, const NcclCorrection& c) {
  if (g.ranks <= 1) return Seconds{0};
  const double per_node = static_cast<double>(g.ranks) / g.nodes;
  const Seconds inside =
      per_node > 1 ? bytes * ((per_node - 1) / g.ranks) / (c.plateau * port_share * g.port) : Seconds{0};
  const Seconds across =
      g.nodes == 1 ? Seconds{0}
                   : bytes * (1 - per_node / g.ranks) * per_node / (c.plateau * nccl::network_share * g.network);
  return pipelined(start_of(g, g.ranks - 1, c), max(inside, across), c);
}

Seconds nccl_send(Bytes bytes, const NcclGroup& g, const NcclCorrection& c) {
  if (g.ranks <= 1) return Seconds{0};
  const double per_node = static_cast<double>(g.ranks) / g.nodes;
  const BytesPerSecond rate = g.nodes == 1 ? port_share * g.port : nccl::network_share * g.network / per_node;
  return pipelined(start_of(g, 1, c), bytes / (c.plateau * rate), c);
}

}  // namespace forerun
