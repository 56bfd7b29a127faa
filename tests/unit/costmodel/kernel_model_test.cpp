// Do kernels take the time of their roofline, rounded at the knee?
#include "costmodel/kernel_model.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "hardware/catalog.hpp"

namespace forerun {
namespace {

Device a100() {
  Device device = *find_device("a100");  // 312 TFLOP/s, 2039 GB/s
  device.launch_overhead = Seconds{0};
  return device;
}

double microseconds(const Device& device, const FamilyParameters& p, const Kernel& kernel,
                    AttentionKernel attention = AttentionKernel::flash2) {
  return make_datasheet_kernels(device, p, attention)->time(kernel).median.value() * 1e6;
}

FamilyParameters sharp() {
  FamilyParameters p;
  p.gemm.exponent = 20;  // nearly max(compute, memory)
  return p;
}

TEST(GemmTime, IsTheRooflineOfTheCourse) {
  EXPECT_NEAR(microseconds(a100(), sharp(), Gemm{.m = 4096, .n = 4096, .k = 4096}), 440.5, 0.1);  // E06
  EXPECT_NEAR(microseconds(a100(), sharp(), Gemm{.m = 1, .n = 4096, .k = 4096}), 16.46, 0.01);    // E07
}

TEST(GemmTime, IsASmoothMaximum) {
  FamilyParameters p;
  p.gemm.compute = 0.8;
  p.gemm.memory = 0.5;
  p.gemm.exponent = 3;
  const double n = 512, compute = 2 * n * n * n / (0.8 * 312e12), memory = 6 * n * n / (0.5 * 2039e9);
  EXPECT_NEAR(microseconds(a100(), p, Gemm{.m = 512, .n = 512, .k = 512}),
              1e6 * std::cbrt(std::pow(compute, 3) + std::pow(memory, 3)), 1e-9);
}

TEST(GemmTime, StartsWithALaunch) {
  Device device = a100();
  device.launch_overhead = 2.0_us;
  EXPECT_NEAR(microseconds(device, sharp(), Gemm{}), 2, 1e-12);
}

TEST(GemmTime, OfAFormatThatTheDeviceLacksIsThatOfAWiderOne) {
  const Gemm fp8{.m = 4096, .n = 4096, .k = 4096, .dtype = DType::fp8}, bf16{.m = 4096, .n = 4096, .k = 4096};
  EXPECT_NEAR(microseconds(a100(), sharp(), fp8), microseconds(a100(), sharp(), bf16), 0.01);
}

TEST(SustainedShare, IsWhatThePowerLimitLeaves) {
  Device device = a100();
  device.power = Watts{200};
  EXPECT_NEAR(sustained_share(device, {.compute = 0.9, .teraflops_per_watt = 1.0}), 0.9 * 200 / 312, 1e-12);
  EXPECT_EQ(sustained_share(device, {.compute = 0.9, .teraflops_per_watt = 2.0}),
            0.9);  // 400 TFLOP/s would be within power
  EXPECT_EQ(sustained_share(device, {.compute = 0.9}), 0.9);
}

TEST(AttentionTime, IsThatOfTheKernelThatTheSoftwareHas) {
  FamilyParameters p = sharp();
  p.flash2 = {.forward = 0.5, .backward = 0.4};
  p.flash3 = {.forward = 0.8, .backward = 0.6};
  FusedAttention kernel{
      .sequences = 1, .heads = 16, .kv_heads = 16, .head_dim = 128, .value_dim = 128, .q_len = 8192, .kv_len = 8192};
  const double product = 2.0 * 16 * 128 * 8192 * 8192 / 312e12 * 1e6;
  const double tiles = 1 + 64.0 / 8192;  // half a tile of 128 a row
  EXPECT_NEAR(microseconds(a100(), p, kernel), 2 * product * tiles / 0.5, 1e-6);
  EXPECT_NEAR(microseconds(a100(), p, kernel, AttentionKernel::flash3), 2 * product * tiles / 0.8, 1e-6);
  kernel.backward = true;
  EXPECT_NEAR(microseconds(a100(), p, kernel), 5 * product * tiles / 0.4, 1e-6);
  EXPECT_NEAR(microseconds(a100(), p, kernel, AttentionKernel::flash3), 5 * product * tiles / 0.6, 1e-6);
}

TEST(AttentionTime, IsSlowerForNarrowHeads) {
  FusedAttention wide{
      .sequences = 1, .heads = 16, .kv_heads = 16, .head_dim = 128, .value_dim = 128, .q_len = 8192, .kv_len = 8192};
  FusedAttention narrow = wide;
  narrow.heads = narrow.kv_heads = 32, narrow.head_dim = narrow.value_dim = 64;  // as many FLOPs
  EXPECT_NEAR(microseconds(a100(), sharp(), wide) / microseconds(a100(), sharp(), narrow), std::sqrt(0.5), 1e-6);
}

TEST(StreamingTime, IsBytesOverAShareOfTheBandwidth) {
  FamilyParameters p;
  p.streaming.fill(0.1);
  p.streaming[static_cast<std::size_t>(StreamingKind::softmax)] = 0.5;
  EXPECT_NEAR(microseconds(a100(), p, Streaming{StreamingKind::softmax, 1.0_GB}), 1e6 / (0.5 * 2039), 1e-9);
}

TEST(KernelTime, CarriesTheSpreadOfItsKind) {
  FamilyParameters p;
  p.streaming.fill(1);
  p.gemm.spread = 0.1, p.attention_spread = 0.2, p.streaming_spread = 0.3, p.evidence = Evidence::measured;
  const auto model = make_datasheet_kernels(a100(), p, AttentionKernel::flash2);
  EXPECT_EQ(model->time(Gemm{}).spread, 0.1);
  EXPECT_EQ(model->time(FusedAttention{.head_dim = 128}).spread, 0.2);
  EXPECT_EQ(model->time(Streaming{}).spread, 0.3);
  EXPECT_EQ(model->time(Gemm{}).evidence, Evidence::measured);
}

}  // namespace
}  // namespace forerun
