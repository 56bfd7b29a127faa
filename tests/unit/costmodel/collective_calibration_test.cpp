// Are the shipped calibrations of collectives read whole, and written as they are read?
#include "costmodel/collectives/collective_calibration.hpp"

#include <gtest/gtest.h>

#include "base/files/yaml.hpp"
#include "costmodel/collective_model.hpp"
#include "costmodel/collectives/collective_networks.hpp"

namespace forerun {
namespace {

CollectiveCalibration shipped(NcclGeneration generation) {
  const Result<CollectiveCalibration> c = find_collective_calibration(generation);
  EXPECT_TRUE(c) << to_string(c.error());
  return c.value_or(CollectiveCalibration{});
}

TEST(CollectiveCalibration, HoldsEveryKindOfTheFittedGenerations) {
  for (const NcclGeneration generation : {NcclGeneration::ampere, NcclGeneration::hopper}) {
    const CollectiveCalibration c = shipped(generation);
    for (const CollectiveKind kind :
         {CollectiveKind::all_reduce, CollectiveKind::all_gather, CollectiveKind::reduce_scatter,
          CollectiveKind::all_to_all, CollectiveKind::send}) {
      EXPECT_NE(find_fit(c, kind, "nccl"), nullptr) << to_string(generation) << " " << to_string(kind);
    }
    EXPECT_FALSE(c.networks.empty());
    EXPECT_FALSE(c.custom.empty());
  }
  EXPECT_TRUE(shipped(NcclGeneration::blackwell).node.empty());  // nothing measured was at hand
}

TEST(CollectiveCalibration, WritesWhatItReads) {
  const CollectiveCalibration c = shipped(NcclGeneration::hopper);
  const Result<YamlDocument> document = YamlDocument::parse(to_yaml(c), "again.yaml");
  ASSERT_TRUE(document);
  EXPECT_EQ(to_yaml(read_collective_calibration(document->root())), to_yaml(c));
  EXPECT_TRUE(document->problems().empty());
}

TEST(CollectiveCalibration, KeepsAnyText) {
  CollectiveCalibration c = shipped(NcclGeneration::hopper);
  c.node.front().source = "a: \"b\" # c", c.node.front().library = "my lib: 1", c.networks.front().link = "back\\slash";
  const Result<YamlDocument> document = YamlDocument::parse(to_yaml(c), "odd.yaml");
  ASSERT_TRUE(document) << to_string(document.error());
  const CollectiveCalibration read = read_collective_calibration(document->root());
  EXPECT_TRUE(document->problems().empty());
  EXPECT_EQ(read.node.front().source, c.node.front().source);
  EXPECT_EQ(read.node.front().library, c.node.front().library);
  EXPECT_EQ(read.networks.front().link, c.networks.front().link);
}

TEST(CollectiveCalibration, RefusesSpreadsThatAreNotThree) {
  const Result<YamlDocument> document = YamlDocument::parse(
      "generation: hopper\nport: 450 GB/s\nnode:\n  - {kind: all_reduce, library: nccl, source: a, date: b, samples: "
      "3, parameters: {start: 5 us}, "
      "left_out: {median: 0.1, p90: 0.2}, spread: [0.1]}\n",
      "short.yaml");
  ASSERT_TRUE(document);
  read_collective_calibration(document->root());
  ASSERT_EQ(document->problems().size(), 1U);
  EXPECT_EQ(document->problems().front().message, "1 spreads, not 3");
}

TEST(Collectives, SayWhatTheyRestOn) {
  const Result<FamilyParameters> hopper = find_family_parameters("hopper");
  ASSERT_TRUE(hopper);
  const auto collectives = make_collectives(*hopper);
  const Level node{.size = 8,
                   .per_device = BytesPerSecond{450e9},
                   .per_component = BytesPerSecond{450e9},
                   .reduces_in_switch = true};
  const Topology topology{.devices = 16,
                          .levels = {node,
                                     {.size = 16,
                                      .per_device = BytesPerSecond{50e9},
                                      .per_component = BytesPerSecond{400e9},
                                      .latency = Seconds{5e-6}}}};
  const Timing inside = collectives->time({CollectiveKind::all_reduce, 1.0_GB}, place(topology, {{8, 1}}));
  const Timing across = collectives->time({CollectiveKind::all_reduce, 1.0_GB}, place(topology, {{16, 1}}));
  EXPECT_EQ(inside.evidence, Evidence::fitted);
  EXPECT_EQ(across.evidence, Evidence::datasheet);
  EXPECT_GT(across.spread, inside.spread);
  // H100: 1 GiB in 4.0 ms in a node, 4.5 ms on two over InfiniBand (SimuMax, nccl-tests issue 309), 0.931 of them for 1
  // GB.
  EXPECT_NEAR(inside.median.value() * 1e3, 0.931 * 4.02, 0.05 * 4.02);
  EXPECT_NEAR(across.median.value() * 1e3, 0.931 * 4.48, 0.10 * 4.48);
}

TEST(NetworkKinds, AreFoundByTheirWords) {
  EXPECT_EQ(network_kind("EFAv2 32x100G", 32).name, "EFA");
  EXPECT_EQ(network_kind("EFA 4x100G", 4).name, "EFA, four ports");
  EXPECT_EQ(network_kind("IB NDR 8x400G", 8).name, "InfiniBand");
  EXPECT_EQ(network_kind("GPUDirect-TCPXO 8x200G", 8).name, "GPUDirect-TCPXO");
  EXPECT_EQ(network_kind("GPUDirect-TCPX 4x200G", 4).name, "GPUDirect-TCPX");
  EXPECT_EQ(network_kind("RoCE 1x400G no GDR", 1).name, "through host memory");
  EXPECT_EQ(network_kind("something else", 8).name, "unknown");
}

}  // namespace
}  // namespace forerun
