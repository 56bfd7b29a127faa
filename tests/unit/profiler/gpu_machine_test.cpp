// Is a GPU known by its name, described by what CUDA says of it, and its link by two numbers?
#include <gtest/gtest.h>

#include "base/files/yaml.hpp"
#include "profiler/gpu_machine.hpp"

namespace forerun {
namespace {

constexpr double gib = 1024.0 * 1024 * 1024;

CudaDevice gpu(const std::string& name, int sms, double memory_gib, int major = 9, int minor = 0) {
  return {.name = name,
          .pci_bus = "00000000:01:00.0",
          .sms = sms,
          .major = major,
          .minor = minor,
          .memory = Bytes{memory_gib * gib},
          .l2 = Bytes{50e6},
          .clock = Hertz{2e9},
          .bandwidth = BytesPerSecond{3e12},
          .driver = 13000,
          .runtime = 13000};
}

std::string known_as(const CudaDevice& gpu) {
  const auto device = catalogue_device(gpu);
  return device ? device->name : "";
}

// Names as nvidia-smi prints them, memory as programs see it (a little less).
TEST(GpuMachine, IsFoundInTheCatalogue) {
  EXPECT_EQ(known_as(gpu("NVIDIA H200", 132, 139.8)), "h200-sxm-141gb");
  EXPECT_EQ(known_as(gpu("NVIDIA H100 80GB HBM3", 132, 79.2)), "h100-sxm-80gb");
  EXPECT_EQ(known_as(gpu("NVIDIA H100 PCIe", 114, 79.2)), "h100-pcie-80gb");
  EXPECT_EQ(known_as(gpu("NVIDIA A100-SXM4-80GB", 108, 79.3, 8)), "a100-sxm-80gb");
  EXPECT_EQ(known_as(gpu("NVIDIA A100 80GB PCIe", 108, 79.3, 8)), "a100-pcie-80gb");
  EXPECT_EQ(known_as(gpu("NVIDIA L40S", 142, 44.4, 8, 9)), "l40s");
  EXPECT_EQ(known_as(gpu("NVIDIA GeForce RTX 4090", 128, 23.6, 8, 9)), "rtx-4090");
}

TEST(GpuMachine, IsNotTakenForAnother) {
  EXPECT_EQ(known_as(gpu("NVIDIA H200 NVL", 132, 139.8)), "");
  EXPECT_EQ(known_as(gpu("NVIDIA H100 80GB HBM3", 16, 9.8)), "");    // a slice of one
  EXPECT_EQ(known_as(gpu("NVIDIA H100 80GB HBM3", 132, 120)), "");   // another memory
  EXPECT_EQ(known_as(gpu("MI300X", 304, 191.9)), "");
  EXPECT_EQ(known_as(gpu("../x.yaml", 1, 1)), "");
}

TEST(GpuMachine, HasTheFamilyOfItsComputeCapability) {
  EXPECT_EQ(family_of(7, 0), "volta");
  EXPECT_EQ(family_of(7, 5), "");
  EXPECT_EQ(family_of(8, 0), "ampere");
  EXPECT_EQ(family_of(8, 6), "ampere");
  EXPECT_EQ(family_of(8, 9), "ada");
  EXPECT_EQ(family_of(9, 0), "hopper");
  EXPECT_EQ(family_of(10, 0), "blackwell");
  EXPECT_EQ(family_of(12, 0), "blackwell");
  EXPECT_EQ(family_of(6, 1), "");
  EXPECT_EQ(family_of(13, 0), "");
}

MeasuredGpu measured() {
  return {.copy = BytesPerSecond{2.5e12},
          .stream = BytesPerSecond{2.76e12},
          .product = {{DType::bf16, FlopsPerSecond{700e12}}, {DType::fp64, FlopsPerSecond{45e12}}},
          .launch = Seconds{2e-6},
          .launch_by_host = Seconds{3e-6},
          .launch_alone = Seconds{8e-6},
          .to_device = {Seconds{10e-6}, BytesPerSecond{50e9}},
          .to_host = {Seconds{12e-6}, BytesPerSecond{48e9}}};
}

// Hopper: 4096 FLOPs a clock and multiprocessor, 132 of them at 2 GHz; of fp64 nothing is said, so the product's rate
// over 0.9.
TEST(GpuMachine, HasThePeakOfItsFamilyOrOfAFasterProduct) {
  const CudaDevice hopper = gpu("NVIDIA H200 NVL", 132, 139.8);
  EXPECT_DOUBLE_EQ(peak_of(hopper, measured(), DType::bf16).rate.value(), 4096.0 * 132 * 2e9);
  EXPECT_DOUBLE_EQ(peak_of(hopper, measured(), DType::fp64).rate.value(), 45e12 / 0.9);
  MeasuredGpu faster = measured();
  faster.product[DType::bf16] = FlopsPerSecond{1100e12};
  EXPECT_DOUBLE_EQ(peak_of(hopper, faster, DType::bf16).rate.value(), 1100e12 / 0.9);
}

// 2.76 TB/s over 0.92 is the driver's 3 TB/s, which stays where a stream is slower.
TEST(GpuMachine, HasTheBandwidthThatTheDriverSaysOrMore) {
  MeasuredGpu m = measured();
  m.stream = BytesPerSecond{2e12}, m.copy = BytesPerSecond{1e12};
  EXPECT_EQ(device_of(gpu("X", 10, 8), m, {}).memory.bandwidth, BytesPerSecond{3e12});
  m.copy = BytesPerSecond{3.68e12};
  EXPECT_NEAR(device_of(gpu("X", 10, 8), m, {}).memory.bandwidth.value(), 4e12, 1);
}

TEST(GpuMachine, IsAClusterWhoseFileReadsBack) {
  const Cluster cluster = cluster_of(device_of(gpu("NVIDIA H200 NVL", 132, 139.8), measured(), Watts{600}), measured());
  EXPECT_EQ(node_of(cluster).device.name, "nvidia-h200-nvl");
  EXPECT_EQ(node_of(cluster).device.power, Watts{600});
  EXPECT_EQ(node_of(cluster).host.bandwidth, BytesPerSecond{48e9});
  const auto document = YamlDocument::parse(to_yaml(cluster), "gpu.cluster.yaml");
  ASSERT_TRUE(document);
  EXPECT_EQ(read_cluster(document->root()), cluster);
  EXPECT_TRUE(document->problems().empty());
}

TEST(HostLink, IsALineThroughCopiesOfAllSizes) {
  std::vector<std::pair<Bytes, Seconds>> exact, noisy;
  for (double bytes = 4096; bytes < 3e8; bytes *= 4) {
    exact.emplace_back(Bytes{bytes}, Seconds{10e-6 + bytes / 50e9});
    noisy.emplace_back(Bytes{bytes}, Seconds{(10e-6 + bytes / 50e9) * (noisy.size() % 2 == 0 ? 1.05 : 0.95)});
  }
  EXPECT_NEAR(fit_host_link(exact).latency.value(), 10e-6, 1e-12);
  EXPECT_NEAR(fit_host_link(exact).bandwidth.value(), 50e9, 1e3);
  EXPECT_NEAR(fit_host_link(noisy).latency.value(), 10e-6, 0.6e-6);
  EXPECT_NEAR(fit_host_link(noisy).bandwidth.value(), 50e9, 3e9);
}

}  // namespace
}  // namespace forerun
