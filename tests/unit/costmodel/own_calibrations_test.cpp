// Do a user's calibrations lie over the shipped ones, kind by kind, and are those of other devices and networks refused
// where they stand?
#include "costmodel/own_calibrations.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "costmodel/collective_model.hpp"
#include "costmodel/kernel_model.hpp"
#include "hardware/catalog.hpp"

namespace forerun {
namespace {

using testing::HasSubstr;

KernelFit fit(KernelKind kind, DType dtype, const std::string& library) {
  KernelFit f{.kind = kind,
              .dtype = dtype,
              .library = library,
              .source = "me",
              .date = "2026-01-02",
              .samples = 40,
              .groups = 4};
  f.form = start_form(kind);
  f.residuals = {{{10, 0, 0, 0, 0.1}, {20, 0, 0, 0, 0.1}, {10, 0, 0, 0, 0.1}}};
  return f;
}

const std::string network =
    "generation: hopper\nport: 450 GB/s\nnetworks:\n  - {link: EFA, kind: all_reduce, ranks: 16, nodes: 2, cluster: "
    "AWS-P5, rate: 200 GB/s, "
    "source: me, date: today, samples: 9, parameters: {latency: 30 us, share: 1, pipelining: 0.1}, "
    "left_out: {median: 0.1, p90: 0.2}, spread: [0.1, 0.1, 0.1]}\n";

CalibrationFile parsed(const std::string& text, const std::string& name = "mine.yaml") {
  Result<CalibrationFile> file = parse_calibration(text, name);
  EXPECT_TRUE(file) << to_string(file.error());
  return *file;
}

TEST(Merged, AKindAndFormatReplacesTheShippedOneOfAnyLibrary) {
  const KernelCalibration below{
      "d",
      {fit(KernelKind::gemm, DType::fp16, "cublas"), fit(KernelKind::gemm, DType::fp8, "cublas"),
       fit(KernelKind::attn_decode, DType::bf16, "x")}};
  const KernelCalibration over{"d", {fit(KernelKind::gemm, DType::bf16, "mine")}};
  const KernelCalibration all = merged(below, over);
  ASSERT_EQ(all.fits.size(), 3U);  // fp16 and bf16 are one format
  EXPECT_EQ(choose_fit(all, KernelKind::gemm, DType::fp16, "cublas")->library, "mine");
  EXPECT_EQ(choose_fit(all, KernelKind::gemm, DType::fp8, "cublas")->library, "cublas");
  EXPECT_NE(choose_fit(all, KernelKind::attn_decode, DType::bf16, "mine"), nullptr);
}

TEST(Merged, ACollectiveReplacesItsKindAndANetworkItsLink) {
  CollectiveCalibration below{
      .generation = NcclGeneration::hopper, .port = {}, .node = {}, .custom = {}, .networks = {}};
  below.node.resize(3);
  below.node[0].library = below.node[2].library = "nccl", below.node[1].library = "vidur";
  below.node[2].kind = CollectiveKind::send;
  below.networks.resize(2);
  below.networks[0].link = "EFA", below.networks[1].link = "IB";
  CollectiveCalibration over{
      .generation = NcclGeneration::hopper, .port = {}, .node = {}, .custom = {}, .networks = {}};
  over.node.resize(1);
  over.node[0].library = "mine";
  over.networks.resize(1);
  over.networks[0].link = "EFA", over.networks[0].ranks = 4;
  const CollectiveCalibration all = merged(below, over);
  ASSERT_EQ(all.node.size(), 2U);
  EXPECT_EQ(all.node[0].library, "mine");
  EXPECT_TRUE(is_for_steps(all, all.node[0]));  // though it is not called nccl
  EXPECT_EQ(all.node[1].kind, CollectiveKind::send);
  ASSERT_EQ(all.networks.size(), 2U);
  EXPECT_EQ(all.networks[0].ranks, 4);
  EXPECT_EQ(all.networks[1].link, "IB");
}

TEST(OwnCalibrations, OfTwoFilesTheLaterWins) {
  const std::string first = to_yaml(KernelCalibration{
      "d", {fit(KernelKind::gemm, DType::bf16, "first"), fit(KernelKind::norm, DType::bf16, "first")}});
  const std::string second =
      to_yaml(KernelCalibration{"d", {fit(KernelKind::gemm, DType::bf16, "second: with \"quotes\"")}});
  const OwnCalibrations own = layered({parsed(first), parsed(second)});
  ASSERT_EQ(own.kernels.size(), 1U);
  EXPECT_EQ(own.of_device("d")->fits.size(), 2U);
  EXPECT_EQ(choose_fit(*own.of_device("d"), KernelKind::gemm, DType::bf16, "")->library, "second: with \"quotes\"");
  EXPECT_EQ(own.of_device("e"), nullptr);
}

// Messages between processes take 3 us more than between threads; only threads broadcast.
TEST(OwnCalibrations, OfAHostKeepTheCurvesOfOneLibrary) {
  const auto entry = [](const char* kind, const char* library, const char* start) {
    return fmt::format(
        "  - {{kind: {}, library: {}, source: me, date: today, samples: 9, parameters: {{start: {}}}, left_out: "
        "{{median: 0.1, p90: 0.2}}, spread: [0.1, 0.1, 0.1]}}\n",
        kind, library, start);
  };
  const OwnCalibrations own =
      layered({parsed("generation: host\nport: 5 GB/s\nnode:\n" + entry("send", "in-process", "2 us") +
                      entry("broadcast", "in-process", "2 us") + entry("send", "mpi", "5 us")),
               parsed(network)});
  OwnCalibrations processes = own, threads = own, none = own;
  EXPECT_TRUE(only_library_of_host(processes, "mpi"));
  EXPECT_TRUE(only_library_of_host(threads, "in-process"));
  EXPECT_FALSE(only_library_of_host(none, "nccl"));
  const CollectiveCalibration& c = *processes.of_generation(NcclGeneration::host);
  ASSERT_EQ(c.node.size(), 1U);
  EXPECT_DOUBLE_EQ(c.node[0].fit.form.start, 5e-6);
  EXPECT_TRUE(is_for_steps(c, c.node[0]));
  EXPECT_EQ(std::get<CollectiveCalibration>(processes.files[0].of), c);
  EXPECT_EQ(threads.of_generation(NcclGeneration::host)->node.size(), 2U);
  EXPECT_EQ(*processes.of_generation(NcclGeneration::hopper), *own.of_generation(NcclGeneration::hopper));
}

TEST(OwnCalibrations, WhatIsNoCalibrationIsSaid) {
  const auto file = parse_calibration("model: llama3-8b\n", "plan.yaml");
  ASSERT_FALSE(file);
  EXPECT_THAT(to_string(file.error()),
              testing::AllOf(HasSubstr("plan.yaml:1:1: error: this is no calibration"), HasSubstr("hint: ")));
  EXPECT_FALSE(parse_calibration("- 1\n", "list.yaml"));
}

TEST(Mismatches, StandAtTheirPlaceAndNameTheClustersDevice) {
  const Cluster cluster = *find_cluster("dgx-h100");
  const OwnCalibrations own = layered(
      {parsed(to_yaml(KernelCalibration{"a100-sxm-80gb", {fit(KernelKind::gemm, DType::bf16, "mine")}}), "a.yaml"),
       parsed(network, "n.yaml"), parsed("generation: ampere\nport: 300 GB/s\n", "c.yaml")});
  const Problems problems = mismatches(own, cluster, find_family_parameters("hopper")->nccl);
  ASSERT_EQ(problems.size(), 3U);
  EXPECT_EQ(problems[0].at, (Position{"a.yaml", 1, 9}));
  EXPECT_THAT(problems[0].hint, HasSubstr("h100-sxm-80gb"));
  EXPECT_EQ(problems[1].at, (Position{"n.yaml", 1, 13}));
  EXPECT_THAT(problems[1].hint, HasSubstr("cluster: dgx-h100"));
  EXPECT_THAT(problems[2].hint, HasSubstr("generation hopper"));
  EXPECT_EQ(mismatches(own, cluster, std::nullopt).size(), 3U);  // nor where the software is not NCCL
}

TEST(MakeKernels, OwnFitsServeTrainingWhoeverWroteTheKernels) {
  const KernelCalibration own{
      "h100-sxm-80gb",
      {fit(KernelKind::attn_prefill, DType::bf16, "mine"), fit(KernelKind::norm, DType::bf16, "mine")}};
  const Device device = *find_device("h100");
  const FamilyParameters hopper = *find_family_parameters("hopper");
  const auto shipped = make_kernels(device, hopper), mine = make_kernels(device, hopper, {.own = &own});
  const Streaming norm{StreamingKind::norm, Bytes{1e8}};
  const FusedAttention attention{.sequences = 1,
                                 .heads = 32,
                                 .kv_heads = 8,
                                 .head_dim = 128,
                                 .value_dim = 128,
                                 .q_len = 8192,
                                 .kv_len = 8192,
                                 .visible = 0.5};
  EXPECT_EQ(shipped->time(attention).evidence, Evidence::datasheet);  // FlashAttention-2 was not measured there
  EXPECT_EQ(mine->time(attention).evidence, Evidence::fitted);
  EXPECT_EQ(mine->time(attention).median, time(start_form(KernelKind::attn_prefill), device, attention));
  EXPECT_EQ(mine->time(norm).evidence, Evidence::fitted);
  const Gemm product{.m = 4096, .n = 4096, .k = 4096};
  EXPECT_EQ(mine->time(product), shipped->time(product));  // which the file lacks
}

// The rows state half of the rate of p5's file: a share of 1 leaves half of the bandwidth there.
TEST(MakeCollectives, TakeTheConstantsOfTheClustersNetwork) {
  const Cluster cluster = *find_cluster("p5");
  FamilyParameters family = *find_family_parameters("hopper");
  const auto before = make_collectives(family, &cluster);
  family.nccl = merged(*family.nccl, std::get<CollectiveCalibration>(parsed(network).of));
  const auto after = make_collectives(family, &cluster);
  const Topology topology = *build_topology(cluster, 32);
  const Placement two = place(topology, {{16, 1}}), four = place(topology, {{32, 1}}), one = place(topology, {{8, 1}});
  const Collective large{CollectiveKind::all_reduce, Bytes{8e9}}, gather{CollectiveKind::all_gather, Bytes{8e9}};
  EXPECT_EQ(before->time(large, two).evidence, Evidence::datasheet);
  EXPECT_EQ(after->time(large, two).evidence, Evidence::fitted);
  EXPECT_DOUBLE_EQ(after->time(large, two).spread, 0.1);
  EXPECT_DOUBLE_EQ(after->time(large, four).spread, std::hypot(0.1, 0.1));
  EXPECT_DOUBLE_EQ(after->time(gather, two).spread, std::hypot(0.1, 0.2));
  EXPECT_EQ(after->time(large, one), before->time(large, one));
  NcclGroup group = nccl_group(NcclGeneration::hopper, large.kind, two);
  group.network = BytesPerSecond{200e9};
  EXPECT_EQ(after->time(large, two).median,
            time(NetworkForm{30e-6, 1, 0.1}, large.kind, large.bytes, group, practice(group)));
  const Cluster other = *find_cluster("dgx-h100");
  EXPECT_EQ(make_collectives(family, &other)->time(large, two), before->time(large, two));
}

}  // namespace
}  // namespace forerun
