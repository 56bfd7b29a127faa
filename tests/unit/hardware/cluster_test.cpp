// Does the cluster reader keep what is written, and say everything that is wrong with it?
#include "hardware/cluster.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/yaml.hpp"
#include "hardware/catalog.hpp"

namespace forerun {
namespace {

std::string problems_of(const std::string& text) {
  const auto document = YamlDocument::parse(text, "c.yaml");
  if (!document) return to_string(document.error());
  (void)read_cluster(document->root());
  return to_string(document->problems());
}

std::string cluster_text(const std::string& node_lines, const std::string& network) {
  return "name: c\nnodes:\n  - device: h100\n    devices: 8\n    fabric: {kind: switched, bandwidth: 450 GB/s, "
         "latency: 1 us}\n"
         "    host: {bandwidth: 64 GB/s, latency: 1 us}\n" +
         node_lines + network;
}

const std::string nics = "    nics: 8\n    nic: {bandwidth: 400 Gbit/s, latency: 2 us}\n";

TEST(Cluster, ReadsBandwidthsInBytes) {
  const auto cluster = find_cluster("dgx-h100");
  ASSERT_TRUE(cluster);
  const Node& node = node_of(*cluster);
  EXPECT_EQ(node.nic.bandwidth, 50.0_GBps);  // 400 Gbit/s
  EXPECT_EQ(node.fabric.link.bandwidth, 450.0_GBps);
  EXPECT_TRUE(node.fabric.reduces_in_switch);
  EXPECT_EQ(node.device.name, "h100-sxm-80gb");
  EXPECT_EQ(cluster->network.size(), 2U);
  EXPECT_EQ(cluster->network.back().nodes, 0);  // all
}

TEST(Cluster, YamlRoundTripKeepsEveryValue) {
  for (const std::string& name : cluster_names()) {
    const Cluster before = *find_cluster(name);
    const auto document = YamlDocument::parse(to_yaml(before), name);
    ASSERT_TRUE(document) << to_yaml(before);
    const Cluster after = read_cluster(document->root());
    EXPECT_TRUE(document->problems().empty()) << to_string(document->problems());
    EXPECT_EQ(after, before) << to_yaml(before);
  }
}

TEST(Cluster, YamlRoundTripKeepsMixedNodesAndOversubscription) {
  Cluster mixed = *find_cluster("h100-hbm2e-cluster");
  mixed.nodes.push_back(find_cluster("dgx-a100")->nodes.front());
  mixed.nodes[0].count = 2;
  mixed.nodes[1].count = 3;
  const auto document = YamlDocument::parse(to_yaml(mixed), "mixed");
  ASSERT_TRUE(document) << to_yaml(mixed);
  EXPECT_EQ(read_cluster(document->root()), mixed);
  EXPECT_TRUE(document->problems().empty()) << to_string(document->problems());
}

TEST(Cluster, HomogeneousMeansEqualNodesNotOneGroup) {
  Cluster cluster = *find_cluster("dgx-a100");
  cluster.nodes.push_back(cluster.nodes.front());
  EXPECT_TRUE(is_homogeneous(cluster));
  cluster.nodes.back().node.nics = 4;
  EXPECT_FALSE(is_homogeneous(cluster));
}

TEST(Cluster, SoundTextHasNoProblems) {
  EXPECT_EQ(problems_of(cluster_text(nics, "network:\n  - {name: spine, latency: 1 us}\n")), "");
  EXPECT_EQ(problems_of(cluster_text("    nics: 0\n", "")), "");
}

TEST(Cluster, ContradictionsAreProblems) {
  using testing::HasSubstr;
  const std::string top = "network:\n  - {name: spine, latency: 1 us}\n";
  EXPECT_THAT(problems_of(cluster_text(nics, "")), HasSubstr("no network"));
  EXPECT_THAT(problems_of(cluster_text("    nics: 0\n", top)), HasSubstr("no node has a NIC"));
  EXPECT_THAT(problems_of(cluster_text("    nics: 3\n    nic: {bandwidth: 1 GB/s, latency: 1 us}\n", top)),
              HasSubstr("3 NICs"));
  EXPECT_THAT(problems_of(cluster_text("    nics: 0\n    nic: {bandwidth: 1 GB/s, latency: 1 us}\n", "")),
              HasSubstr("a node without NICs has no nic"));
  EXPECT_THAT(problems_of(cluster_text(nics, "network:\n  - {name: spine, oversubscription: 2, latency: 1 us}\n")),
              HasSubstr("outermost tier"));
  EXPECT_THAT(
      problems_of(cluster_text(nics, "network:\n  - {name: rail, latency: 1 us}\n  - {name: spine, latency: 1 us}\n")),
      HasSubstr("nodes"));
  EXPECT_THAT(
      problems_of(cluster_text(
          nics, "network:\n  - {name: rail, nodes: 4, latency: 1 us}\n  - {name: pod, nodes: 6, latency: 1 us}\n")),
      HasSubstr("not a multiple"));
}

TEST(Cluster, AllProblemsComeAtOnceWithTheirPlace) {
  const auto document = YamlDocument::parse(
      "name: c\n"
      "nodes:\n"
      "  - device: h1000\n"                                                             // 1: no such device
      "    devices: 0\n"                                                                // 2: below one
      "    fabric: {kind: ring, bandwidth: 450 GB/s, latency: 1 us, wires: 3}\n"  // 3: no such kind; 4: unknown key
      "    host: {bandwidth: 64, latency: 1 us}\n"  // 5: no unit
      "    nics: 0\n",
      "c.yaml");
  ASSERT_TRUE(document);
  (void)read_cluster(document->root());
  EXPECT_EQ(document->problems().size(), 5U) << to_string(document->problems());
  for (const Problem& problem : document->problems()) EXPECT_GE(problem.at.line, 3) << problem.message;
}

TEST(Cluster, WrongShapesAreProblems) {
  for (const char* text :
       {"[1, 2]", "7", "name: c\nnodes: {}\n", "name: c\nnodes: [1]\n", "name: c\nnodes: []\n",
        "name: c\nnodes:\n  - device: []\n", "name: c\naliases: 3\nnodes: [{device: {name: x}}]\nnetwork: yes\n",
        "name: [c]\nnodes: null\n"}) {
    EXPECT_NE(problems_of(text), "") << text;
  }
}

TEST(Cluster, ADeviceMayBeWrittenInPlace) {
  Device future = *find_device("h100");
  future.name = "h100-twice-the-memory";
  future.memory.capacity *= 2;
  Cluster cluster = *find_cluster("dgx-h100");
  cluster.nodes.front().node.device = future;
  const auto document = YamlDocument::parse(to_yaml(cluster), "c.yaml");
  ASSERT_TRUE(document);
  EXPECT_EQ(read_cluster(document->root()).nodes.front().node.device, future);
}

}  // namespace
}  // namespace forerun
