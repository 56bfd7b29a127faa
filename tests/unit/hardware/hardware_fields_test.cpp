// Does every key of a device and of a cluster count, and do parts of both read alone?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hardware/cluster_fields.hpp"
#include "hardware/device_fields.hpp"
#include "tests/support/field_changes.hpp"

namespace forerun {
namespace {

using testing::HasSubstr;

Device small_device() {
  return {.name = "small",
          .vendor = "other",
          .family = "cpu",
          .peak = {{DType::fp32, 1.0_TFLOPs}},
          .memory = {1.0_GB, 1.0_GBps},
          .sms = 1,
          .clock = Hertz{1e9},
          .power = Watts{1}};
}

Cluster small_cluster() {
  const Link link{1.0_GBps, 1.0_us};
  const Node node{
      .device = small_device(), .devices = 1, .fabric = {.link = link}, .host = link, .nics = 1, .nic = link};
  return {.name = "small",
          .nodes = {{.node = node}},
          .network = {{.name = "rack", .nodes = 500000, .latency = 1.0_us}, {.name = "spine", .latency = 1.0_us}}};
}

TEST(DeviceFields, AllCount) { test::expect_every_key_to_count(device_fields(), {small_device()}); }

// Nodes of a tier need one without a tier above; `device` of a node is a name, a file or a map.
TEST(ClusterFields, AllCount) {
  Cluster flat = small_cluster();
  flat.network.pop_back();
  test::expect_every_key_to_count(cluster_fields(), {small_cluster(), flat}, {"nodes[].device"});
}

TEST(ClusterFields, ChangeOneLinkOfOneNode) {
  Cluster cluster = small_cluster();
  ASSERT_TRUE(cluster_fields().set(cluster, "nodes.0.nic.bandwidth", "400 Gbit/s"));
  EXPECT_EQ(cluster.nodes[0].node.nic.bandwidth, 50.0_GBps);
  ASSERT_TRUE(cluster_fields().set(cluster, "nodes.0.device", "h100"));
  EXPECT_EQ(cluster.nodes[0].node.device.name, "h100-sxm-80gb");
  const Result<void> wrong = cluster_fields().set(cluster, "nodes.0.nic.latencies", "1 us");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(to_string(wrong.error()), HasSubstr("no key 'nodes.0.nic.latencies'"));
}

}  // namespace
}  // namespace forerun
