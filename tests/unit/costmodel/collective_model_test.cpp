// Do collectives take the time that one works out by hand?
#include "costmodel/collective_model.hpp"

#include <gtest/gtest.h>

namespace forerun {
namespace {

// Everything at full rate, 10 us a step inside a node, 20 us between nodes, nothing to start.
FamilyParameters plain() {
  FamilyParameters p;
  p.collective.intra_hop = 10.0_us;
  p.collective.inter_hop = 20.0_us;
  return p;
}

Topology nodes_of_8(int devices, BytesPerSecond port, BytesPerSecond nic = 25.0_GBps) {
  Topology topology{.devices = devices, .levels = {{.size = 8, .per_device = port, .per_component = port}}};
  if (devices > 8) topology.levels.push_back({.size = devices, .per_device = nic, .per_component = 8.0 * nic});
  return topology;
}

double milliseconds(CollectiveKind kind, Bytes bytes, const Placement& group, const FamilyParameters& p = plain()) {
  return make_collectives(p)->time({kind, bytes}, group).median.value() * 1e3;
}

FamilyParameters without_latency() {
  FamilyParameters p = plain();
  p.collective.intra_hop = p.collective.inter_hop = Seconds{0};
  return p;
}

TEST(RingPass, CrossesANodeOncePerNode) {
  EXPECT_EQ(ring_pass(8, 1).steps_inside, 7);
  EXPECT_EQ(ring_pass(8, 1).steps_across, 0);
  EXPECT_EQ(ring_pass(32, 4).steps_inside, 28);
  EXPECT_EQ(ring_pass(32, 4).steps_across, 3);
}

TEST(RingAllReduce, OfOneGigabyteOverEight) {
  const Placement eight = place(nodes_of_8(8, 50.0_GBps), {{8, 1}});
  EXPECT_NEAR(milliseconds(CollectiveKind::all_reduce, 1.0_GB, eight, without_latency()), 35,
              1e-9);      // E11: 2 x 7/8 x 1 GB / 50 GB/s
  EXPECT_NEAR(milliseconds(CollectiveKind::reduce_scatter, 1.0_GB, eight, without_latency()), 17.5, 1e-9);
  EXPECT_NEAR(milliseconds(CollectiveKind::all_gather, 1.0_GB, eight, without_latency()), 17.5, 1e-9);
  EXPECT_NEAR(milliseconds(CollectiveKind::all_reduce, 1.0_GB, eight), 35.14, 1e-9);  // E12: and 14 steps of 10 us
  EXPECT_NEAR(milliseconds(CollectiveKind::all_reduce, Bytes{64e3}, eight), 0.14 + 2 * 0.875 * 64e3 / 50e9 * 1e3, 1e-9);
}

TEST(RingAllReduce, AddsWireLatencyToEveryHopAndStartsOnce) {
  FamilyParameters p = plain();
  p.collective.base = 8.0_us;
  Topology topology = nodes_of_8(8, 50.0_GBps);
  topology.levels[0].latency = 1.0_us;
  EXPECT_NEAR(milliseconds(CollectiveKind::all_gather, Bytes{0}, place(topology, {{8, 1}}), p),
              (8 + 7 * (10 + 1)) * 1e-3, 1e-9);
}

TEST(TreeAllReduce, WinsWhereLatencyIsAll) {
  // E13: 64 devices, one a node, 10 us a hop: a ring takes 2 x 63 hops, a tree 2 x log2 64.
  FamilyParameters p = plain();
  p.collective.inter_hop = 10.0_us;
  Topology topology = nodes_of_8(512, 300.0_GBps);
  const Placement spread = place(topology, {{64, 8}});
  EXPECT_NEAR(milliseconds(CollectiveKind::all_reduce, Bytes{0}, spread, p), 0.12, 1e-9);
  EXPECT_NEAR(2 * milliseconds(CollectiveKind::all_gather, Bytes{0}, spread, p), 1.26,
              1e-9);  // a ring has no such way out
}

TEST(TreeAllReduce, LosesWhereBandwidthIsAll) {
  const Placement spread = place(nodes_of_8(512, 300.0_GBps), {{64, 8}});
  EXPECT_NEAR(milliseconds(CollectiveKind::all_reduce, 100.0_GB, spread, without_latency()), 2e3 * 63 / 64 * 100 / 25,
              1e-6);
}

TEST(RingAllReduce, OverNodesRunsARingThroughEveryPort) {
  // E79: 4 nodes of 8, 25 GB/s a NIC. One flat ring would take 2 x 31/32 x 1 GB / 25 GB/s = 77.5 ms; eight rings, one a
  // NIC, an eighth.
  const Placement all = place(nodes_of_8(32, 300.0_GBps), {{32, 1}});
  EXPECT_NEAR(milliseconds(CollectiveKind::all_reduce, 1.0_GB, all, without_latency()), 77.5 / 8, 1e-9);
  EXPECT_NEAR(milliseconds(CollectiveKind::all_gather, Bytes{0}, all), (28 * 10 + 3 * 20) * 1e-3, 1e-9);
}

TEST(RingAllReduce, IsHeldUpByTheNarrowestLevel) {
  // E78: a group over a 12.5 GB/s network takes 2 x 7/8 x 1 GB / 12.5 GB/s = 140 ms, inside the node 5.83 ms.
  const Topology topology = nodes_of_8(64, 300.0_GBps, 12.5_GBps);
  EXPECT_NEAR(milliseconds(CollectiveKind::all_reduce, 1.0_GB, place(topology, {{8, 8}}), without_latency()), 140,
              1e-9);
  EXPECT_NEAR(milliseconds(CollectiveKind::all_reduce, 1.0_GB, place(topology, {{8, 1}}), without_latency()), 5.8333,
              1e-4);
}

TEST(AllToAll, InsideANodeSendsAllButOnesOwnShare) {
  FamilyParameters p = without_latency();
  p.collective.all_to_all = 0.5;
  EXPECT_NEAR(milliseconds(CollectiveKind::all_to_all, 1.0_GB, place(nodes_of_8(8, 300.0_GBps), {{8, 1}}), p),
              0.875 / 150 * 1e3, 1e-9);
}

TEST(AllToAll, OverNodesWaitsForTheNetwork) {
  // 24 of 32 shares leave the node, through one NIC a device.
  EXPECT_NEAR(
      milliseconds(CollectiveKind::all_to_all, 1.0_GB, place(nodes_of_8(32, 300.0_GBps), {{32, 1}}), without_latency()),
      0.75 / 25 * 1e3, 1e-9);
}

TEST(Send, TakesALatencyAndTheLinkBetweenTheTwo) {
  const Topology topology = nodes_of_8(32, 300.0_GBps);
  EXPECT_NEAR(milliseconds(CollectiveKind::send, 1.0_GB, place(topology, {{2, 1}})), 0.01 + 1e3 / 300, 1e-9);
  EXPECT_NEAR(milliseconds(CollectiveKind::send, 1.0_GB, place(topology, {{2, 8}})), 0.02 + 1e3 / 25, 1e-9);
  EXPECT_NEAR(milliseconds(CollectiveKind::send, 1.0_GB, place(topology, {{32, 1}})), 0.02 + 1e3 / 25,
              1e-9);  // the worst pair of a ring
}

TEST(Send, InsideARailDoesNotPayForTheSpine) {
  Topology topology = nodes_of_8(32, 300.0_GBps);
  topology.devices = 64;
  topology.levels.push_back({.size = 64, .per_device = 5.0_GBps, .per_component = 160.0_GBps, .latency = 100.0_us});
  EXPECT_NEAR(milliseconds(CollectiveKind::send, 1.0_GB, place(topology, {{2, 8}})), 0.02 + 1e3 / 25, 1e-9);
}

TEST(Collectives, ReachTheSharesOfTheFamily) {
  FamilyParameters p = without_latency();
  p.collective.intra_bandwidth = 0.8;
  p.collective.inter_bandwidth = 0.5;
  p.collective.spread = 0.3;
  p.evidence = Evidence::fitted;
  EXPECT_NEAR(milliseconds(CollectiveKind::all_gather, 1.0_GB, place(nodes_of_8(8, 300.0_GBps), {{8, 1}}), p),
              0.875 / 240 * 1e3, 1e-9);
  EXPECT_NEAR(milliseconds(CollectiveKind::all_gather, 1.0_GB, place(nodes_of_8(32, 300.0_GBps), {{4, 8}}), p),
              0.75 / 12.5 * 1e3, 1e-9);
  const Timing t =
      make_collectives(p)->time({CollectiveKind::all_gather, 1.0_GB}, place(nodes_of_8(8, 300.0_GBps), {{8, 1}}));
  EXPECT_EQ(t.spread, 0.3);
  EXPECT_EQ(t.evidence, Evidence::fitted);
}

TEST(Collectives, OfOneTakeNoTime) {
  FamilyParameters p = plain();
  p.collective.base = 8.0_us;
  for (int kind = 0; kind <= static_cast<int>(CollectiveKind::send); ++kind) {
    EXPECT_EQ(milliseconds(static_cast<CollectiveKind>(kind), 1.0_GB, place(nodes_of_8(32, 300.0_GBps), {{1, 1}}), p),
              0);
  }
}

}  // namespace
}  // namespace forerun
