// Is the network that a free text describes the network that is priced?
#include "validation/training/interconnect.hpp"

#include <gtest/gtest.h>

#include "hardware/catalog.hpp"

namespace forerun {
namespace {

constexpr BytesPerSecond gigabits(double n) { return BytesPerSecond{n * 1e9 / 8}; }

TEST(InterconnectText, CountsNetworkCardsAndTheirRate) {
  for (const char* text :
       {"8x HDR 200Gb/s IB per node", "NVLink/NVSwitch; 8x HDR 200Gb/s IB per node (Selene)", "8 x HDR 200 Gbps"}) {
    const Interconnect i = parse_interconnect(text);
    EXPECT_EQ(i.nics, 8) << text;
    EXPECT_EQ(i.nic, gigabits(200)) << text;
  }
  const Interconnect omni = parse_interconnect("8-GPU NVLink nodes; 4x Omni-Path 100 (Jean Zay)");
  EXPECT_EQ(omni.nics, 4);
  EXPECT_EQ(omni.nic, gigabits(100));
  EXPECT_EQ(omni.devices, 8);
}

TEST(InterconnectText, TakesTheComputeNetworkNotStorageOrManagement) {
  const Interconnect i = parse_interconnect(
      "NVLINK Gen4 900 GB/s + NVSWITCH Gen3 | Storage: 2x ConnectX-7 IB NDR 800Gb/s, Compute: 8x ConnectX-7 IB NDR "
      "400Gb/s, Management: 100Gb/s");
  EXPECT_EQ(i.nics, 8);
  EXPECT_EQ(i.nic, gigabits(400));
  EXPECT_EQ(parse_interconnect("1x Ethernet 100Gb/Sec, 8x NVIDIA Quantum-2 CX7 InfiniBand (400Gb/s)").nics, 8);
}

TEST(InterconnectText, RatesPerGpuAndPerNode) {
  EXPECT_EQ(parse_interconnect("NVLink in host; RDMA 400 Gb/s per GPU").per_device, gigabits(400));
  EXPECT_EQ(parse_interconnect("IB/RoCE 400G per GPU not restated").per_device, gigabits(400));
  EXPECT_EQ(parse_interconnect("RoCE 1600 Gbps node-node").per_node, gigabits(1600));
  EXPECT_EQ(parse_interconnect("inter-node 800 Gb/s, intra-node 150 GB/s").per_node, gigabits(800));
  EXPECT_EQ(parse_interconnect("inter-node 100 GB/s").per_node, gigabits(800));
}

TEST(InterconnectText, SaysNothingWhereItSaysNothing) {
  for (const char* text :
       {"", "4 nodes RoCE RDMA; NVLink in node", "NVLink domain: GB200 NVL72; inter-node not stated"}) {
    EXPECT_FALSE(parse_interconnect(text).says_network()) << text;
  }
  EXPECT_TRUE(parse_interconnect("single node 8x NVLink").says_network());
}

TEST(InterconnectText, ReplacesTheClustersNetwork) {
  const auto cluster = find_cluster("dgx-a100");  // 8 GPUs, 8 NICs of 200 Gbit/s
  ASSERT_TRUE(cluster);
  const Node four = node_of(with_interconnect(*cluster, parse_interconnect("4x Omni-Path 100"), 16));
  EXPECT_EQ(four.nics, 4);
  EXPECT_EQ(four.nic.bandwidth, gigabits(100));
  const Node shared = node_of(with_interconnect(*cluster, parse_interconnect("RoCE 1600 Gbps node-node"), 16));
  EXPECT_EQ(shared.nics, 8);
  EXPECT_EQ(shared.nic.bandwidth, gigabits(200));
  const Node own = node_of(with_interconnect(*cluster, parse_interconnect("RDMA 400 Gb/s per GPU"), 16));
  EXPECT_EQ(own.nics, 8);
  EXPECT_EQ(own.nic.bandwidth, gigabits(400));
}

TEST(InterconnectText, NodesAreFilledWhateverTheNumberOfDevices) {
  const auto cluster = find_cluster("dgx-a100");
  ASSERT_TRUE(cluster);
  EXPECT_EQ(node_of(with_interconnect(*cluster, {}, 4)).devices, 8);    // part of one node
  EXPECT_EQ(node_of(with_interconnect(*cluster, {}, 12)).devices, 6);  // the largest divisor of 12 that is at most 8
  EXPECT_EQ(node_of(with_interconnect(*cluster, parse_interconnect("single node"), 16)).devices, 16);
}

}  // namespace
}  // namespace forerun
