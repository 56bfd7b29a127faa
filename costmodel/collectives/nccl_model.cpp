#include "costmodel/collectives/nccl_model.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

namespace forerun {

std::string_view to_string(NcclAlgorithm algorithm) {
  static constexpr std::array<std::string_view, 5> names{"ring", "tree", "NVLS", "NVLSTree", "PAT"};
  return names[static_cast<std::size_t>(algorithm)];
}

std::string_view to_string(NcclProtocol protocol) {
  static constexpr std::array<std::string_view, 3> names{"LL", "LL128", "Simple"};
  return names[static_cast<std::size_t>(protocol)];
}

namespace {

using nccl::ByProtocol;
using Table = std::array<ByProtocol, 5>;

constexpr double microsecond = 1e-6, gigabyte_per_second = 1e9;

// One communicator, in microseconds and GB/s.
class Estimate {
 public:
  Estimate(CollectiveKind kind, double bytes, const NcclGroup& g, const NcclCorrection& c)
      : kind_(kind),
        bytes_(bytes),
        g_(g),
        c_(c),
        table_(nccl::generations[static_cast<std::size_t>(g.generation)]),
        by_nodes_(g.nodes == 1   ? 0
                  : g.nodes == 2 ? 1
                                 : 2),
        per_node_(g.ranks / g.nodes),
        bus_(bus_rate()),
        channels_(channel_count()),
        doublings_(kind == CollectiveKind::all_reduce && bytes >= 64 ? std::log2(bytes / 64) : -1) {}

  [[nodiscard]] double time(NcclAlgorithm algorithm, NcclProtocol protocol) const {
    if (!offered(algorithm, protocol)) return INFINITY;
    const double latency = c_.latency * this->latency(algorithm, protocol);
    const double transfer = bytes_ / (1e3 * c_.plateau * rate(algorithm, protocol));
    if (protocol != NcclProtocol::simple) return latency + transfer;
    return latency + transfer +
           2 * c_.pipelining * std::sqrt(c_.latency * fill(algorithm, latency / c_.latency) * transfer) +
           copy(algorithm);
  }

 private:
  [[nodiscard]] bool reduces() const { return kind_ == CollectiveKind::all_reduce; }

  [[nodiscard]] bool offered(NcclAlgorithm algorithm, NcclProtocol protocol) const {
    const bool simple = protocol == NcclProtocol::simple;
    if (protocol == NcclProtocol::ll128 && !g_.nvlink) return false;
    switch (algorithm) {
      case NcclAlgorithm::ring:
        return true;
      case NcclAlgorithm::tree:
        return reduces();
      case NcclAlgorithm::nvls:
        return simple && reduces() && g_.reduces_in_switch && table_.nvls > 0 && g_.nodes == 1 && g_.ranks > 2;
      case NcclAlgorithm::nvls_tree:
        return simple && reduces() && g_.reduces_in_switch && table_.nvls > 0 && g_.nodes > 1 && per_node_ > 1;
      case NcclAlgorithm::pat:
        return simple && g_.nodes > 1 && per_node_ == 1 &&
               (kind_ == CollectiveKind::all_gather || kind_ == CollectiveKind::reduce_scatter);
    }
    return false;
  }

  // Latency (tuning.cc:383-436).
  [[nodiscard]] double latency(NcclAlgorithm algorithm, NcclProtocol protocol) const {
    const auto a = static_cast<std::size_t>(algorithm), p = static_cast<std::size_t>(protocol);
    const double inside = (g_.nvlink ? nccl::nvlink_latency : nccl::pci_latency)[a][p];
    const double across = across_latency(a, p);
    const double base = nccl::base_latency[a][p];
    const double depth = std::bit_width(static_cast<unsigned>(g_.nodes)) - 1;  // floor(log2 N)
    switch (algorithm) {
      case NcclAlgorithm::ring:
        return base + ring_hops(protocol, inside, across);
      case NcclAlgorithm::tree:
        return base + 2 * ((per_node_ - 1) * inside + depth * across);
      case NcclAlgorithm::nvls:
        return inside;
      case NcclAlgorithm::nvls_tree:
        return inside + 2 * depth * across;
      case NcclAlgorithm::pat:
        return base + depth * across / 3.5 + g_.ranks * 2.8;
    }
    return 0;
  }

  // Of the pipeline: trees and switches fill once along their depth; a ring's steps fill at once, each with a chunk of
  // four slices (ALLREDUCE_CHUNKSTEPS), so that more ranks do not make it longer.
  [[nodiscard]] double fill(NcclAlgorithm algorithm, double latency) const {
    if (algorithm != NcclAlgorithm::ring) return latency;
    constexpr double slices = 4;
    const double inside = (g_.nvlink ? nccl::nvlink_latency : nccl::pci_latency)[0][2];
    return slices * (g_.nodes == 1 ? inside : std::max(inside, across_latency(0, 2)));
  }

  // One rank a node: the tree's row. Simple waits for a flush as well.
  [[nodiscard]] double across_latency(std::size_t algorithm, std::size_t protocol) const {
    const std::size_t row = per_node_ == 1 && algorithm == 0 ? 1 : algorithm;
    const double extra = g_.network_latency.value() / microsecond;
    return nccl::network_latency[row][protocol] + extra * (protocol == 2 ? 2 : 1);
  }

  [[nodiscard]] double ring_hops(NcclProtocol protocol, double inside, double across) const {
    const double passes = reduces() ? 2 : 1;
    const double crossings = g_.nodes == 1 ? 0 : passes * (g_.nodes - 1);
    const double host = g_.nodes == 1 ? 0 : protocol == NcclProtocol::simple ? 3 : 1;  // netOverhead, Intel
    const double hops = (passes * (g_.ranks - 1) - crossings) * std::max(inside, host) + crossings * across;
    const bool plateau =
        reduces() && g_.nodes > 1 && protocol == NcclProtocol::simple && bytes_ >= 64.0 * 2 * channels_ * g_.ranks;
    return plateau ? hops * table_.plateau : hops;
  }

  // Rate (tuning.cc:305-380).
  [[nodiscard]] double bus_rate() const {
    const double port = (g_.nvlink ? nccl::nvlink_share : nccl::pci_share) * g_.port.value() / gigabyte_per_second;
    const double network = nccl::network_share * g_.network.value() / gigabyte_per_second;
    return g_.nodes == 1 ? port : per_node_ == 1 ? network : std::min(port, network);
  }

  [[nodiscard]] int channel_count() const {
    if (!g_.nvlink) return 2;
    if (g_.nodes == 1) return table_.channels;
    return std::clamp(static_cast<int>(std::lround(bus_ / table_.network_channel)), 2, 32);
  }

  [[nodiscard]] double ll_limit() const { return (g_.nodes == 1 ? table_ : nccl::generations.front()).ll[by_nodes_]; }

  // Of the algorithm, that is of S.
  [[nodiscard]] double rate(NcclAlgorithm algorithm, NcclProtocol protocol) const {
    const double ring_steps = static_cast<double>(g_.ranks) / (reduces()                            ? 2 * (g_.ranks - 1)
                                                               : kind_ == CollectiveKind::broadcast ? g_.ranks
                                                                                                    : g_.ranks - 1);
    switch (algorithm) {
      case NcclAlgorithm::ring:
        return ring_steps * ring_rate(protocol);
      case NcclAlgorithm::tree:
        return 0.5 * tree_rate(protocol) * tree_correction(protocol);
      case NcclAlgorithm::nvls:
        return ring_steps * nvls_rate(g_.ranks);
      case NcclAlgorithm::nvls_tree:
        return ring_steps * nvls_tree_rate();
      case NcclAlgorithm::pat:
        return ring_steps * 0.75 * bus_;
    }
    return 0;
  }

  [[nodiscard]] double ring_rate(NcclProtocol protocol) const {
    if (protocol == NcclProtocol::ll) return std::min(ll_limit(), 0.5 * bus_);
    if (protocol == NcclProtocol::ll128) return std::min(0.92 * bus_, channels_ * table_.ring_ll128);
    return bus_;
  }

  [[nodiscard]] double tree_rate(NcclProtocol protocol) const {
    const double all = std::min(0.92 * bus_, channels_ * table_.tree[by_nodes_]);
    if (protocol == NcclProtocol::ll) return std::min(all / 3.8, ll_limit());
    if (protocol == NcclProtocol::ll128)
      return std::min(all * (g_.nodes == 1 ? 7.0 / 9 : 120.0 / 128), channels_ * table_.tree_ll128[by_nodes_]);
    return all;
  }

  // Every rank carries a head for each rank and one unit more (search.cc:411), so a head has port / (n + 1); each moves
  // data up and down.
  [[nodiscard]] double nvls_rate(int n) const {
    const double head =
        std::min(nccl::nvlink_share * g_.port.value() / gigabyte_per_second / (n + 1), table_.nvls_head);
    return table_.nvls * 2 * (n - 1) * head;
  }

  [[nodiscard]] double nvls_tree_rate() const {
    const double network = nccl::network_share * g_.network.value() / gigabyte_per_second * (g_.nodes == 2 ? 2 : 1);
    return std::min({nvls_rate(per_node_), network, channels_ * table_.nvls_tree[by_nodes_]});
  }

  [[nodiscard]] double tree_correction(NcclProtocol protocol) const {
    const auto& steps = nccl::tree_correction[static_cast<std::size_t>(protocol)];
    if (doublings_ < 0) return 1;
    const auto i = static_cast<std::size_t>(doublings_);
    if (i >= steps.size()) return 1;
    const double next = i + 1 < steps.size() ? steps[i + 1] : 1;
    return steps[i] + (next - steps[i]) * (doublings_ - static_cast<double>(i));
  }

  [[nodiscard]] double copy(NcclAlgorithm algorithm) const {
    if (algorithm != NcclAlgorithm::ring || kind_ == CollectiveKind::broadcast) return 0;
    return bytes_ / g_.ranks / c_.copy.value() / microsecond;
  }

  CollectiveKind kind_;
  double bytes_;
  const NcclGroup& g_;
  const NcclCorrection& c_;
  const nccl::Generation& table_;
  std::size_t by_nodes_;
  int per_node_;
  double bus_;
  int channels_;
  double doublings_;  // of 64 bytes; below: negative
};

}  // namespace

NcclCorrection practice(const NcclGroup& group) {
  constexpr double pipelining = 0.4, copy = 2;  // of the port
  NcclCorrection c{.pipelining = pipelining, .copy = copy * group.port};
  if (group.generation == NcclGeneration::blackwell) c.latency = 1.5, c.plateau = 0.86;
  return c;
}

Seconds nccl_time(CollectiveKind kind, NcclAlgorithm algorithm, NcclProtocol protocol, Bytes bytes,
                  const NcclGroup& group, const NcclCorrection& c) {
  if (group.ranks <= 1) return Seconds{0};
  return microsecond * Seconds{Estimate(kind, bytes.value(), group, c).time(algorithm, protocol)};
}

NcclChoice nccl_choice(CollectiveKind kind, Bytes bytes, const NcclGroup& group, const NcclCorrection& c) {
  assert(kind != CollectiveKind::all_to_all && kind != CollectiveKind::send);
  NcclChoice best;
  if (group.ranks <= 1) return {.time = Seconds{0}};
  const Estimate estimate(kind, bytes.value(), group, c);
  for (const NcclAlgorithm algorithm :
       {NcclAlgorithm::ring, NcclAlgorithm::tree, NcclAlgorithm::nvls, NcclAlgorithm::nvls_tree, NcclAlgorithm::pat}) {
    for (const NcclProtocol protocol : {NcclProtocol::ll, NcclProtocol::ll128, NcclProtocol::simple}) {
      const Seconds time = microsecond * Seconds{estimate.time(algorithm, protocol)};
      if (time < best.time) best = {time, algorithm, protocol};
    }
  }
  return best;
}

}  // namespace forerun
