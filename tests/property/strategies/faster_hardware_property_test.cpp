// Is hardware that is better in one respect never slower?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>

#include "costmodel/kernel_model.hpp"
#include "tests/support/random_plans.hpp"

namespace forerun {
namespace {

// What a device file, a cluster file or a datasheet says, `times` as good.
const struct Respect {
  const char* name;
  void (*improve)(Cluster&, double times);
  double tolerance = 1e-6;  // rounding to whole picoseconds
} respects[] = {
    {"processors",
     [](Cluster& c, double times) {
       int& sms = c.nodes[0].node.device.sms;
       sms = static_cast<int>(sms * times);
     }},
    {"peaks",
     [](Cluster& c, double times) {
       for (auto& [dtype, rate] : c.nodes[0].node.device.peak) rate *= times;
     },
     0.05},  // where power starts to limit products, they are no longer faster than their form, as some samples were
    {"memory bandwidth", [](Cluster& c, double times) { c.nodes[0].node.device.memory.bandwidth *= times; }},
    {"power", [](Cluster& c, double times) { c.nodes[0].node.device.power *= times; }},
    {"launch overhead", [](Cluster& c, double times) { c.nodes[0].node.device.launch_overhead /= times; }},
    {"fabric bandwidth", [](Cluster& c, double times) { c.nodes[0].node.fabric.link.bandwidth *= times; }},
    {"fabric latency", [](Cluster& c, double times) { c.nodes[0].node.fabric.link.latency /= times; }},
    {"host bandwidth", [](Cluster& c, double times) { c.nodes[0].node.host.bandwidth *= times; }},
    {"host latency", [](Cluster& c, double times) { c.nodes[0].node.host.latency /= times; }},
    {"NIC bandwidth", [](Cluster& c, double times) { c.nodes[0].node.nic.bandwidth *= times; }},
    {"NIC latency", [](Cluster& c, double times) { c.nodes[0].node.nic.latency /= times; }},
    {"network latency",
     [](Cluster& c, double times) {
       for (Tier& tier : c.network) tier.latency /= times;
     }},
};

// Some respects worse than the catalogue says, so that improvements begin below it and end above it.
Scenario some_hardware(Scenario given) {
  for (const Respect& respect : respects) {
    if (*rc::gen::inRange(0, 3) == 0) respect.improve(given.cluster, 1 / *rc::gen::element(1.3, 2.0, 4.0));
  }
  return given;
}

RC_GTEST_PROP(FasterHardware, IsNeverSlower, ()) {
  auto [drawn, plan] = test::some_plan();
  const Scenario given = some_hardware(std::move(drawn));
  const Seconds before = estimate(test::priced(given), plan).step.median;
  // Kernels that wait for the host share its time in proportion: where one of them is faster, its share shrinks, and
  // with it what of a communication it hides.
  const double of_host = given.stack.host_per_kernel > Seconds{0} ? 5e-3 : 0;
  for (const Respect& respect : respects) {
    Scenario better = given;
    const double times = *rc::gen::element(1.05, 1.5, 2.0, 3.0);
    respect.improve(better.cluster, times);
    const Seconds after = estimate(test::priced(better), plan).step.median;
    RC_LOG() << respect.name << " x " << times << ": " << before.value() << " " << after.value() << '\n';
    RC_ASSERT(after <= (1 + std::max(of_host, respect.tolerance)) * before);
  }
}

// One kernel on a catalogue's device whose file is changed in one line, by its own name and by another.
RC_GTEST_PROP(FasterHardware, NeverSlowsAKernel, ()) {
  Device device = *find_device(
      *rc::gen::element<std::string>("h100-sxm-80gb", "a100-sxm-80gb", "b200-sxm-180gb", "h20-96gb", "l40s", "mi300x"));
  const FamilyParameters family = *find_family_parameters(device.family);
  const auto size = [](int most) { return std::int64_t{*rc::gen::inRange(1, most)}; };
  const std::int64_t keys = size(9000), queries = *rc::gen::arbitrary<bool>() ? keys : 1;
  const Kernel kernel = *rc::gen::arbitrary<bool>()
                            ? Kernel{Gemm{.m = size(9000), .n = size(9000), .k = size(9000), .batch = size(9)}}
                            : Kernel{FusedAttention{.sequences = size(9),
                                                    .heads = 32,
                                                    .kv_heads = *rc::gen::element(1, 8, 32),
                                                    .head_dim = 128,
                                                    .value_dim = 128,
                                                    .q_len = queries,
                                                    .kv_len = keys,
                                                    .visible = visible_share(queries, keys)}};
  if (*rc::gen::arbitrary<bool>()) device.name = "another";
  const AttentionKernel attention = *rc::gen::element(AttentionKernel::flash2, AttentionKernel::flash3);
  const auto time = [&](const Device& d) {
    return make_kernels(d, family, {.attention = attention})->time(kernel).median;
  };
  Device fewer = device;
  Seconds before = time(device);
  for (int i = 0; i < 4; ++i) {  // ever fewer processors
    fewer.sms = std::max(1, fewer.sms * *rc::gen::inRange(40, 100) / 100);
    const Seconds after = time(fewer);
    RC_LOG() << fewer.sms << " processors: " << before.value() << " " << after.value() << '\n';
    RC_ASSERT(after >= (1 - 1e-9) * before);
    before = after;
  }
  Device faster = device;
  for (auto& [dtype, rate] : faster.peak) rate *= 1.5;
  if (device.name != "another") RC_ASSERT(time(faster) <= (1 + 1e-9) * time(device));
  faster = device;
  faster.memory.bandwidth *= 1.5;
  RC_ASSERT(time(faster) <= (1 + 1e-9) * time(device));
}

// Shah et al. 2024 (FlashAttention-3), figures 5 and 6: the third version is the faster one at all lengths.
TEST(FlashAttention, OfTheThirdVersionIsNowhereSlowerThanTheSecond) {
  const Device device = *find_device("h100-sxm-80gb");
  const FamilyParameters family = *find_family_parameters(device.family);
  const auto third = make_kernels(device, family, {.attention = AttentionKernel::flash3}),
             second = make_kernels(device, family, {.attention = AttentionKernel::flash2});
  for (std::int64_t length = 64; length <= 65536; length *= 2) {
    for (const int sequences : {1, 4, 16}) {
      for (const int head : {64, 128, 256}) {
        for (const bool backward : {false, true}) {
          const FusedAttention kernel{.sequences = sequences,
                                      .heads = 32,
                                      .kv_heads = 8,
                                      .head_dim = head,
                                      .value_dim = head,
                                      .q_len = length,
                                      .kv_len = length,
                                      .visible = visible_share(length, length),
                                      .backward = backward};
          EXPECT_LE(third->time(kernel).median, second->time(kernel).median) << length << " x " << sequences;
        }
      }
    }
  }
}

}  // namespace
}  // namespace forerun
