// Does any device and any cluster, sensible or not, survive being written as YAML or as JSON and being read?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "hardware/cluster_fields.hpp"
#include "hardware/device_fields.hpp"
#include "tests/support/random_fields.hpp"

namespace forerun {
namespace {

using namespace test;

Device any_device() {
  Device device{.name = some_text(),
                .aliases = some_list(some_text),
                .vendor = *rc::gen::element<std::string>("nvidia", "amd", "intel", "other"),
                .family = *rc::gen::element<std::string>("volta", "ada", "blackwell", "cdna3", "cpu", "textbook")};
  device.peak[any_of(DType::nf4)] = some_quantity<FlopsPerSecond>(1e6, 1e17);
  device.peak[any_of(DType::nf4)] = some_quantity<FlopsPerSecond>(1e6, 1e7);
  device.memory = {some_quantity<Bytes>(1, 1e13), some_quantity<BytesPerSecond>(1e6, 1e14)};
  device.l2 = some_quantity<Bytes>(0, 1e10);
  device.sms = *rc::gen::inRange(1, 100001);
  device.clock = some_quantity<Hertz>(1e3, 1e11);
  device.launch_overhead = some_quantity<Seconds>(0, 1);
  device.concurrent_streams = *rc::gen::inRange(1, 100001);
  device.power = some_quantity<Watts>(1, 1e6);
  device.price = perhaps<DollarsPerSecond>([] { return some_quantity<DollarsPerSecond>(0, 1); });
  device.default_cluster = some_text();
  return device;
}

Link any_link() { return {some_quantity<BytesPerSecond>(1e6, 1e13), some_quantity<Seconds>(0, 1)}; }

NodeGroup any_group(bool connected, bool counted) {
  NodeGroup group{.count = counted || some_flag() ? *rc::gen::inRange(1, 1000001) : 0};
  group.node = {.device = any_device(), .devices = *rc::gen::inRange(1, 100)};
  group.node.fabric = {.kind = any_of(FabricKind::pcie), .link = any_link()};
  group.node.fabric.reduces_in_switch = group.node.fabric.kind == FabricKind::switched && some_flag();
  group.node.host = any_link();
  if (some_flag()) group.node.host_memory = some_quantity<Bytes>(1, 1e15);
  if (!connected) return group;
  group.node.nics = group.node.devices * *rc::gen::inRange(1, 100);
  group.node.nic = any_link();
  return group;
}

// Each tier holds two to four switches of the one below, the last as many as there are or a number.
std::vector<Tier> any_network() {
  std::vector<Tier> tiers;
  int nodes = *rc::gen::inRange(1, 10);
  for (int left = *rc::gen::inRange(0, 3); left > 0; --left) {
    tiers.push_back({some_text(), nodes, some_number(1, 1000), some_quantity<Seconds>(0, 1)});
    nodes *= *rc::gen::inRange(2, 5);
  }
  tiers.push_back({.name = some_text(), .nodes = some_flag() ? nodes : 0, .latency = some_quantity<Seconds>(0, 1)});
  return tiers;
}

Cluster any_cluster() {
  const int kinds = *rc::gen::inRange(1, 3);
  const bool connected = kinds > 1 || some_flag();
  Cluster cluster{.name = some_text(), .aliases = some_list(some_text)};
  for (int i = 0; i < kinds; ++i) cluster.nodes.push_back(any_group(connected, kinds > 1));
  if (connected) cluster.network = any_network();
  cluster.max_gpus = some_flag() ? 0 : *rc::gen::inRange(1, 100000001);
  return cluster;
}

RC_GTEST_PROP(AnyDevice, IsReadAsItWasWritten, ()) {
  for (int i = 0; i < values_a_case; ++i) expect_to_survive(device_fields(), any_device());
}

RC_GTEST_PROP(AnyCluster, IsReadAsItWasWritten, ()) {
  for (int i = 0; i < values_a_case; ++i) expect_to_survive(cluster_fields(), any_cluster());
}

}  // namespace
}  // namespace forerun
