// NCCL's own estimate of a collective: the least latency + bytes / rate over its algorithms and protocols, with the
// constants of nccl_tables.hpp, and what measurements add to it.
//
//   t = latency * f + S / (rate * p) + 2 g sqrt(fill * f * S / (rate * p)) + (S / n) / C
//
// Published: f = p = 1, g = 0, C infinite; that is what decides inside NCCL, and what the crossovers of its logs
// follow.
//
//   g     the pipeline of chunks that fills and drains, (sqrt(a k) + sqrt(S b))^2: Simple, NVLS and PAT only
//   fill  the latency, of a ring that of four steps
//   C     rate at which a rank copies its own part, which overlaps nothing: ring and Simple only
//   S     as nccl-tests counts: the whole tensor for all-gather and reduce-scatter
//
// Never wrong by a factor, but: 1 to 32 MiB over nodes 15 to 30 % too fast as published; blind to congestion; the
// tree's correction is interpolated between its steps, so that time grows with size.
#pragma once

#include "base/quantity.hpp"
#include "costmodel/collectives/collective.hpp"
#include "costmodel/collectives/nccl_tables.hpp"

namespace forerun {

// A communicator of `ranks`, equally many in each of its `nodes`.
struct NcclGroup {
  NcclGeneration generation = NcclGeneration::hopper;
  bool nvlink = true;  // inside the node; otherwise PCIe
  bool reduces_in_switch = false;  // NVLS: from Hopper on, from five ranks (two for a tree over nodes)
  int ranks = 1, nodes = 1;
  BytesPerSecond port{};  // of one rank inside the node, datasheet; one rank a node: not read
  BytesPerSecond network{};  // what a node's ranks of the group may send together; one node: not read
  Seconds network_latency{};  // of a crossing, beyond InfiniBand's
};

struct NcclCorrection {
  double latency = 1;  // f
  double plateau = 1;  // p
  double pipelining = 0;  // g
  BytesPerSecond copy = BytesPerSecond::infinity();  // C
};

// What public measurements ask of a generation where no fit knows better: plateaus of 8 B200 reach 0.86 of the presets
// (617 of 720, 704 of 829 GB/s), their latencies 1.5 of them (8 and 4 GPUs, 2 nodes: 26, 16, 35 us); pipelining as over
// the InfiniBand, EFA and RoCE clusters of docs/cost-models.md; the copy as in the fits of one node.
NcclCorrection practice(const NcclGroup&);

struct NcclChoice {
  Seconds time = Seconds::infinity();
  NcclAlgorithm algorithm = NcclAlgorithm::ring;
  NcclProtocol protocol = NcclProtocol::simple;
};

// Of all_reduce, all_gather, reduce_scatter and broadcast (asserted); a group of one takes no time.
NcclChoice nccl_choice(CollectiveKind, Bytes, const NcclGroup&, const NcclCorrection& = {});
// One algorithm with one protocol; infinity where NCCL does not offer it.
Seconds nccl_time(CollectiveKind, NcclAlgorithm, NcclProtocol, Bytes, const NcclGroup&, const NcclCorrection& = {});

// Sends of equal shares to every other rank, and of a message to one: NCCL has no estimate. Latency once (messages
// overlap) with a step for each peer, the bytes at the rate of the narrower of port and network.
Seconds nccl_all_to_all(Bytes, const NcclGroup&, const NcclCorrection& = {});
Seconds nccl_send(Bytes, const NcclGroup&, const NcclCorrection& = {});

}  // namespace forerun
