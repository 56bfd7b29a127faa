// Do groups fall on the levels of a cluster as one counts them by hand?
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "costmodel/collectives/collective.hpp"
#include "hardware/catalog.hpp"

namespace forerun {
namespace {

// Four nodes of eight; a port of 300 GB/s inside, one NIC of 25 GB/s a device outside.
Topology four_nodes() {
  return {.devices = 32,
          .levels = {{.size = 8,
                      .per_device = 300.0_GBps,
                      .per_component = 300.0_GBps,
                      .latency = 1.0_us,
                      .reduces_in_switch = true},
                     {.size = 32, .per_device = 25.0_GBps, .per_component = 200.0_GBps, .latency = 5.0_us}}};
}

std::vector<int> members(const Placement& placement) {
  std::vector<int> list;
  for (const Placement::Reach& reach : placement.levels) list.push_back(reach.members);
  return list;
}

TEST(Placement, InsideANode) {
  const Placement p = place(four_nodes(), {{8, 1}});
  EXPECT_EQ(p.size, 8);
  EXPECT_EQ(members(p), (std::vector{8, 8}));
  EXPECT_EQ(p.levels[0].per_member, 300.0_GBps);
  EXPECT_EQ(p.levels[0].latency, 1.0_us);
  EXPECT_TRUE(p.levels[0].reduces_in_switch);
  EXPECT_FALSE(p.levels[1].reduces_in_switch);
}

TEST(Placement, OneInEveryNode) {
  const Placement p = place(four_nodes(), {{4, 8}});
  EXPECT_EQ(members(p), (std::vector{1, 4}));
  EXPECT_EQ(p.levels[1].share, 25.0_GBps);  // one of eight equal groups
}

TEST(Placement, OverAllNodesTakesAllTheirPorts) {
  const Placement p = place(four_nodes(), {{32, 1}});
  EXPECT_EQ(members(p), (std::vector{8, 32}));
  EXPECT_EQ(p.levels[1].share, 200.0_GBps);
}

TEST(Placement, EverySecondDeviceTakesHalfOfThePorts) {
  const Placement p = place(four_nodes(), {{16, 2}});
  EXPECT_EQ(members(p), (std::vector{4, 16}));
  EXPECT_EQ(p.levels[1].share, 100.0_GBps);
}

TEST(Placement, OfTwoAxesIsTheirProduct) {
  const Placement p = place(four_nodes(), {{2, 1}, {4, 8}});  // pairs of neighbours, one pair a node
  EXPECT_EQ(p.size, 8);
  EXPECT_EQ(members(p), (std::vector{2, 8}));
  EXPECT_EQ(p.levels[1].share, 50.0_GBps);
}

TEST(Placement, SharesAPortThatSeveralDevicesUse) {
  Topology topology = four_nodes();
  topology.levels[1].per_device =
      50.0_GBps;  // four NICs of 50 GB/s for eight devices: alone one has 50, all together 25 each
  EXPECT_EQ(place(topology, {{4, 8}}).levels[1].share, 25.0_GBps);
}

TEST(Placement, OfThreeLevelsCountsEach) {
  Topology topology = four_nodes();
  topology.devices = 64;
  topology.levels.push_back(
      {.size = 64, .per_device = 25.0_GBps, .per_component = 400.0_GBps, .latency = 9.0_us});  // half of what leaves 32
  const Placement p = place(topology, {{16, 4}});
  EXPECT_EQ(members(p), (std::vector{2, 8, 16}));
  EXPECT_EQ(p.levels[1].share, 50.0_GBps);
  EXPECT_EQ(p.levels[2].share, 100.0_GBps);  // 8 of 32 devices: a quarter of 400
}

TEST(Placement, OnARackOf72IsInsideWhereItDivides) {
  const Topology racks = *build_topology(*find_cluster("gb200-nvl72"), 144);
  EXPECT_EQ(members(place(racks, {{8, 1}})), (std::vector{8, 8}));
  EXPECT_EQ(members(place(racks, {{72, 1}})), (std::vector{72, 72}));
  EXPECT_EQ(members(place(racks, {{2, 72}})), (std::vector{1, 2}));
}

TEST(Placement, OnARackOf72StraddlesWhereItDoesNot) {
  // Groups of 16: the fifth holds ranks 64 to 79, eight in either rack.
  const Topology racks = *build_topology(*find_cluster("gb200-nvl72"), 144);
  EXPECT_EQ(members(place(racks, {{16, 1}})), (std::vector{8, 16}));
}

// Components of `size` that the group of the rank that touches most of them touches.
std::size_t most_touched(int devices, int size, const Axis& axis) {
  std::size_t most = 0;
  for (int rank = 0; rank < devices; ++rank) {
    const int first = rank / (axis.count * axis.stride) * (axis.count * axis.stride) + rank % axis.stride;
    std::set<int> touched;
    for (int i = 0; i < axis.count; ++i) touched.insert((first + i * axis.stride) / size);
    most = std::max(most, touched.size());
  }
  return most;
}

TEST(Placement, NeverChargesFewerComponentsThanAGroupTouches) {
  for (const auto& [devices, size] : {std::pair{64, 8}, {144, 72}, {48, 6}, {48, 12}}) {
    const Topology topology{.devices = devices, .levels = {{.size = size}, {.size = devices}}};
    for (int count = 1; count <= devices; ++count) {
      for (int stride = 1; count * stride <= devices; ++stride) {
        const int span = count * stride;
        if (devices % span != 0) continue;
        const Placement p = place(topology, {{count, stride}});
        const auto charged = static_cast<std::size_t>(count / p.levels[0].members),
                   touched = most_touched(devices, size, {count, stride});
        EXPECT_GE(charged, touched) << count << " x " << stride << " in " << size;
        const bool regular = size % span == 0 || (span % size == 0 && size % stride == 0);
        if (regular) {
          EXPECT_EQ(charged, touched) << count << " x " << stride << " in " << size;
        }
      }
    }
  }
}

}  // namespace
}  // namespace forerun
