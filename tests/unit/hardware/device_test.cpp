// Are the devices what their datasheets say?
#include "hardware/device.hpp"

#include <gtest/gtest.h>

#include "base/files/yaml.hpp"
#include "hardware/catalog.hpp"

namespace forerun {
namespace {

Device device(const std::string& name) {
  auto found = find_device(name);
  EXPECT_TRUE(found) << to_string(found.error());
  return found.value_or(Device{});
}

double tflops(const Device& d, DType dtype) { return peak(d, dtype).value() / 1e12; }

// Multiply-adds that one SM's tensor cores issue in a clock; two FLOPs each.
struct Rate {
  const char* name;
  DType dtype;
  double multiply_adds;
};

class TensorPeak : public testing::TestWithParam<Rate> {};

// Printed peaks are rounded to three or four digits, hence the 0.3 %.
TEST_P(TensorPeak, IsMultiplyAddsTimesSmsTimesClock) {
  const auto [name, dtype, multiply_adds] = GetParam();
  const Device d = device(name);
  const double derived = multiply_adds * 2 * d.sms * d.clock.value();
  EXPECT_NEAR(peak(d, dtype).value() / derived, 1, 0.003);
}

INSTANTIATE_TEST_SUITE_P(Dense, TensorPeak,
                         testing::Values(Rate{"v100", DType::fp16, 512}, Rate{"a100", DType::bf16, 1024},
                                         Rate{"h100", DType::bf16, 2048}, Rate{"h100", DType::fp8, 4096},
                                         Rate{"h100-pcie", DType::bf16, 2048},
                                         Rate{"h100-sxm-96gb-hbm2e", DType::bf16, 2048}, Rate{"h20", DType::bf16, 512},
                                         Rate{"b200", DType::bf16, 4096}, Rate{"b300", DType::bf16, 4096},
                                         Rate{"gb200", DType::bf16, 4096}, Rate{"gb300", DType::bf16, 4096},
                                         Rate{"l4", DType::bf16, 512}, Rate{"l40s", DType::bf16, 512},
                                         Rate{"rtx-4090", DType::bf16, 256}, Rate{"rtx-a6000", DType::bf16, 512},
                                         Rate{"a40", DType::bf16, 512}, Rate{"rtx-pro-6000", DType::bf16, 512},
                                         Rate{"mi300x", DType::bf16, 1024}, Rate{"mi355x", DType::bf16, 2048},
                                         Rate{"cpu", DType::bf16, 1024}));

TEST(Device, PeaksAreDense) {
  EXPECT_NEAR(tflops(device("h100"), DType::bf16), 1979.0 / 2, 0.5);  // the datasheet prints 1979 with sparsity
  EXPECT_NEAR(tflops(device("h200"), DType::fp8), 3958.0 / 2, 1);
  EXPECT_NEAR(tflops(device("l40s"), DType::bf16), 733.0 / 2, 5);  // printed: 362.05 and 733
  EXPECT_NEAR(tflops(device("b200"), DType::bf16), 36000.0 / 8 / 2, 1);  // HGX: 36 PFLOP/s with sparsity for eight
}

// FLOPs a byte at which a GEMM stops being bound by memory; the lecture's 138.9, 153.0 and 295.4.
TEST(Device, OpsToByteRatiosAreTheLectures) {
  const auto ratio = [](const Device& d) { return (peak(d, DType::fp16) / d.memory.bandwidth).value(); };
  EXPECT_NEAR(ratio(device("v100")), 125e12 / 900e9, 0.1);
  EXPECT_NEAR(ratio(device("a100")), 312e12 / 2039e9, 0.1);
  EXPECT_NEAR(ratio(device("h100")), 989.5e12 / 3.35e12, 0.1);
  EXPECT_NEAR(ratio(device("v100")), 138.9, 0.1);
  EXPECT_NEAR(ratio(device("a100")), 153.0, 0.1);
  EXPECT_NEAR(ratio(device("h100")), 295.4, 0.1);
}

TEST(Device, FormatsThatHardwareLacksFallBack) {
  EXPECT_EQ(tflops(device("a100"), DType::fp8), 312);    // fp8 weights are computed in bf16
  EXPECT_EQ(tflops(device("h100"), DType::fp4), 1979);   // fp4 weights at the fp8 rate
  EXPECT_EQ(tflops(device("h100"), DType::nf4), 989.5);  // stored in 4 bits, computed in bf16
  EXPECT_EQ(tflops(device("v100"), DType::bf16), 125);
  EXPECT_NEAR(tflops(device("v100"), DType::tf32), 15.7, 1e-9);
  const Device inference_only{.peak = {{DType::fp32, 30.0_TFLOPs}, {DType::fp16, 120.0_TFLOPs}}};
  EXPECT_EQ(peak(inference_only, DType::fp64), 30.0_TFLOPs);  // no substitute: the slowest rate
}

TEST(Device, CapacityIsWhatTheDriverReports) {
  EXPECT_EQ(device("h100").memory.capacity, Bytes{81559.0 * 1024 * 1024});
  EXPECT_LT(device("b200").memory.capacity, 192.0_GB + 1.0_GB);  // not the 192 GB of the announcement in GiB
}

TEST(Device, YamlRoundTripKeepsEveryValue) {
  for (const std::string& name : device_names()) {
    const Device before = device(name);
    const auto document = YamlDocument::parse(to_yaml(before), name);
    ASSERT_TRUE(document) << to_yaml(before);
    const Device after = read_device(document->root());
    EXPECT_TRUE(document->problems().empty()) << to_string(document->problems());
    EXPECT_EQ(after, before) << to_yaml(before);
  }
}

TEST(Device, YamlRoundTripKeepsAwkwardNames) {
  for (const char* name : {"null", "yes", "4090", "a: b", "say \"x\\y\"", "#1", "two\nlines", "grün"}) {
    Device before = device("h100");
    before.name = name;
    const auto document = YamlDocument::parse(to_yaml(before), "x");
    ASSERT_TRUE(document) << to_yaml(before);
    EXPECT_EQ(read_device(document->root()), before) << to_yaml(before);
  }
}

TEST(Device, BadYamlReportsAllProblemsAtOnce) {
  const auto document = YamlDocument::parse(
      "name: x\n"
      "vendor: nvidea\n"                                    // 1: unknown vendor
      "family: hopper\n"
      "compute: {bf16: 1000, fp9: 1 TFLOP/s}\n"             // 2: no unit; 3: no such format
      "memory: {capacity: 80 gigs, bandwidth: 0 GB/s}\n"    // 4: no such unit; 5: zero
      "l2: 50 MB\nsms: 132\nclock: 1.8 GHz\nlaunch_overhead: 2 us\nconcurrent_streams: 0\n"  // 6: below one
      "power: 700 W\n"
      "colour: green\n",                                    // 7: unknown key
      "x.yaml");
  ASSERT_TRUE(document);
  (void)read_device(document->root());
  EXPECT_EQ(document->problems().size(), 7U) << to_string(document->problems());
  for (const Problem& problem : document->problems()) EXPECT_GT(problem.at.line, 0) << problem.message;
}

TEST(Device, MissingKeysAreNamed) {
  const auto document = YamlDocument::parse("name: x\nvendor: amd\nfamily: cdna3\n", "x.yaml");
  ASSERT_TRUE(document);
  (void)read_device(document->root());
  const std::string text = to_string(document->problems());
  for (const char* key : {"compute", "memory", "sms", "clock", "power"})
    EXPECT_NE(text.find(key), std::string::npos) << key << "\n" << text;
}

}  // namespace
}  // namespace forerun
