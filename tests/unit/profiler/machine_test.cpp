// Is a machine described by what it says, and can its files be read again?
#include <gtest/gtest.h>

#include "base/files/yaml.hpp"
#include "profiler/machine.hpp"

namespace forerun {
namespace {

const std::string cpuinfo =
    "processor\t: 0\nmodel name\t: Some(R) Fast(TM) CPU @ 2.50GHz\ncpu MHz\t\t: 2500.000\nflags\t\t: fpu avx2 "
    "avx512f\n\nprocessor\t: 1\nmodel name\t: Other\n";
const std::string meminfo = "MemTotal:        2048 kB\nMemFree: 1 kB\n";

Machine four_cores() {
  Machine machine = parse_machine(cpuinfo, meminfo, 4);
  machine.l2 = Bytes{1 << 20};
  return machine;
}

const MeasuredMachine measured{.alone = BytesPerSecond{12e9},
                               .together = BytesPerSecond{8e9},
                               .product = {{DType::fp32, FlopsPerSecond{100e9}}, {DType::fp64, FlopsPerSecond{80e9}}},
                               .call = Seconds{1e-7},
                               .link = BytesPerSecond{5e9},
                               .link_latency = Seconds{2e-6}};

TEST(Machine, IsReadFromTheTextsOfTheKernel) {
  const Machine machine = four_cores();
  EXPECT_EQ(machine.processor, "Some(R) Fast(TM) CPU @ 2.50GHz");
  EXPECT_EQ(machine.clock, Hertz{2.5e9});
  EXPECT_EQ(machine.memory, Bytes{2048 * 1024});
  EXPECT_EQ(machine.lanes, 16);
  EXPECT_EQ(machine_name(machine), "some-fast-cpu-2-50ghz-4-cores");
}

TEST(Machine, ThatSaysNothingStillHasANameAndAClock) {
  const Machine machine = parse_machine("", "", 2);
  EXPECT_EQ(machine_name(machine), "unknown-processor-2-cores");
  EXPECT_GT(machine.clock, Hertz{0});
  EXPECT_EQ(machine.lanes, 4);
}

// fp32: 2 units x 16 lanes x 2 x 2.5 GHz; fp64: 8 lanes make the same 80 GFLOP/s that the product already did, so that
// over 0.9.
TEST(Machine, HasThePeakOfItsUnitsOrOfAFasterProduct) {
  EXPECT_DOUBLE_EQ(peak_of(four_cores(), measured, DType::fp32).rate.value(), 160e9);
  EXPECT_DOUBLE_EQ(peak_of(four_cores(), measured, DType::fp64).rate.value(), 80e9 / 0.9);
  EXPECT_FALSE(peak_of(four_cores(), measured, DType::fp32).of_product);
  EXPECT_TRUE(peak_of(four_cores(), measured, DType::fp64).of_product);
}

TEST(Machine, GivesADeviceWhatARankGetsBesideTheOthers) {
  const Device device = device_of(four_cores(), measured);
  EXPECT_EQ(device.family, "cpu");
  EXPECT_EQ(device.sms, 1);
  EXPECT_EQ(device.memory.bandwidth, measured.together);
  EXPECT_EQ(device.memory.capacity, Bytes{2048.0 * 1024 / 4});
}

TEST(Machine, IsAClusterWhoseFileReadsBack) {
  const Cluster cluster = cluster_of(four_cores(), measured);
  EXPECT_EQ(node_of(cluster).devices, 4);
  const auto document = YamlDocument::parse(to_yaml(cluster), "local.cluster.yaml");
  ASSERT_TRUE(document);
  const Cluster again = read_cluster(document->root());
  EXPECT_TRUE(document->problems().empty());
  EXPECT_EQ(again, cluster);
}

TEST(Machine, WritesFourDigitsOfWhatWasMeasured) {
  EXPECT_EQ(four_digits(16337582545.424156), 16340000000.0);
  EXPECT_EQ(four_digits(9.609500011720229e-6), 9.61e-6);
  EXPECT_EQ(four_digits(1.0), 1.0);
  EXPECT_EQ(four_digits(0.0), 0.0);
  EXPECT_EQ(four_digits(BytesPerSecond{123456}), BytesPerSecond{123500});
}

}  // namespace
}  // namespace forerun
