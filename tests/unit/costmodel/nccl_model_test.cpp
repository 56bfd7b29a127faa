// Does our copy of NCCL's cost model decide and estimate as NCCL does?
#include "costmodel/collectives/nccl_model.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace forerun {
namespace {

using enum NcclAlgorithm;
using enum NcclProtocol;

NcclGroup nodes_of_8(NcclGeneration generation, int nodes, double port, double network) {
  return {.generation = generation,
          .reduces_in_switch = generation >= NcclGeneration::hopper,
          .ranks = 8 * nodes,
          .nodes = nodes,
          .port = BytesPerSecond{port * 1e9},
          .network = BytesPerSecond{network * 1e9}};
}
NcclGroup h100(int nodes) { return nodes_of_8(NcclGeneration::hopper, nodes, 450, 400); }
NcclGroup a100(int nodes) { return nodes_of_8(NcclGeneration::ampere, nodes, 300, 200); }

double microseconds(const NcclGroup& group, Bytes bytes, CollectiveKind kind = CollectiveKind::all_reduce) {
  return nccl_choice(kind, bytes, group).time.value() * 1e6;
}

// The sizes (powers of two) at which another algorithm or protocol is chosen, as "MiB algorithm-protocol".
std::string choices(const NcclGroup& group, CollectiveKind kind = CollectiveKind::all_reduce) {
  std::string text, last;
  for (double mib = 1.0 / 1024; mib <= 16384; mib *= 2) {
    const NcclChoice choice = nccl_choice(kind, Bytes{mib * 1024 * 1024}, group);
    const std::string now = std::string(to_string(choice.algorithm)) + "-" + std::string(to_string(choice.protocol));
    if (now == last) continue;
    if (!last.empty())
      text += " " +
              (mib < 1 ? std::to_string(static_cast<int>(1024 * mib)) + "K" : std::to_string(static_cast<int>(mib))) +
              " ";
    text += last = now;
  }
  return text;
}

TEST(NcclModel, SwitchesWhereItsLogsDo) {
  EXPECT_EQ(choices(a100(1)), "ring-LL 4 ring-LL128 32 ring-Simple");
  EXPECT_EQ(choices(h100(1)), "ring-LL 2 NVLS-Simple");  // nccl-tests issue 309: LL up to 1 MB, NVLS from 2 MB
  EXPECT_EQ(choices(nodes_of_8(NcclGeneration::blackwell, 1, 900, 400)), "ring-LL 4 NVLS-Simple");
  EXPECT_EQ(choices(h100(2)), "tree-LL 256K tree-LL128 4 NVLSTree-Simple");
  EXPECT_EQ(choices(h100(8)), "tree-LL 256K tree-LL128 16 NVLSTree-Simple");
  EXPECT_EQ(choices(h100(1), CollectiveKind::all_gather), "ring-LL 8 ring-LL128 32 ring-Simple");
}

TEST(NcclModel, OfFewBytesIsLatency) {
  // nccl-tests issue 309, 8 bytes over InfiniBand: 25 us on two nodes, 34.8 us on four. LL tree: 6.8 + 2 (7 x 0.6 +
  // log2 N x 5).
  EXPECT_NEAR(microseconds(h100(2), Bytes{8}), 25.2, 1e-2);
  EXPECT_NEAR(microseconds(h100(4), Bytes{8}), 35.2, 1e-2);
  EXPECT_NEAR(microseconds(h100(1), Bytes{8}), 6.6 + 14 * 0.6, 1e-2);
  EXPECT_NEAR(microseconds(h100(1), Bytes{8}, CollectiveKind::all_gather), 6.6 + 7 * 0.6, 1e-2);
  NcclGroup efa = h100(2);
  efa.network_latency = 22.0_us;  // one way; up and down the tree once
  EXPECT_NEAR(microseconds(efa, Bytes{8}), 25.2 + 2 * 22, 1e-2);
}

double bus_bandwidth(const NcclGroup& group, CollectiveKind kind = CollectiveKind::all_reduce) {
  const double passes = kind == CollectiveKind::all_reduce ? 2 : 1;
  const Bytes bytes{1e12};
  return passes * (group.ranks - 1) / group.ranks * bytes.value() / nccl_choice(kind, bytes, group).time.value() / 1e9;
}

TEST(NcclModel, OfManyBytesIsItsPresets) {
  EXPECT_NEAR(bus_bandwidth(a100(1)), 12 * 20, 0.1);
  EXPECT_NEAR(bus_bandwidth(h100(1), CollectiveKind::all_gather), 12 * 30, 0.1);
  EXPECT_NEAR(bus_bandwidth(h100(1)), 0.85 * 2 * 7.0 / 8 * 8 * 40, 0.1);  // public plateau: 478 to 483
  EXPECT_NEAR(bus_bandwidth(h100(2)), 8 * 57.7, 0.1);                       // 467
  EXPECT_NEAR(bus_bandwidth(h100(4)), 8 * 45.5, 0.1);                       // 366
  EXPECT_NEAR(bus_bandwidth(a100(2)), 0.96 * 200, 0.1);                     // 190 to 223 over 16 x 100 Gbit/s
}

TEST(NcclModel, ReducesInTheSwitchFromFiveRanksOn) {
  // nccl issue 1455: bus bandwidth 370 with two to four H100, 420, 440, 460, 480 with five to eight.
  NcclGroup group = h100(1);
  for (int ranks = 2; ranks <= 8; ++ranks) {
    group.ranks = ranks;
    EXPECT_EQ(nccl_choice(CollectiveKind::all_reduce, 1.0_GB, group).algorithm, ranks < 5 ? ring : nvls) << ranks;
    EXPECT_NEAR(bus_bandwidth(group), ranks < 5 ? 370 : 320 + 20 * ranks, 15) << ranks;
  }
}

TEST(NcclModel, GathersOverOneGpuANodeInParallelTrees) {
  NcclGroup group = h100(64);
  group.ranks = 64;
  group.network = BytesPerSecond{50e9};
  const NcclChoice choice = nccl_choice(CollectiveKind::all_gather, Bytes{1 << 20}, group);
  EXPECT_EQ(choice.algorithm, pat);
  // 8 + 6 x 14 / 3.5 + 64 x 2.8 us, and 63/64 of a MiB at 0.75 x 48 GB/s
  EXPECT_NEAR(choice.time.value() * 1e6, 8 + 24 + 179.2 + 63.0 / 64 * 1048576 / 36e3, 1e-2);
}

TEST(NcclModel, HasNoWideFlagsOverPcie) {
  NcclGroup group = a100(1);
  group.nvlink = false;
  EXPECT_EQ(nccl_time(CollectiveKind::all_reduce, ring, ll128, 1.0_MiB, group), Seconds::infinity());
  EXPECT_NEAR(microseconds(group, Bytes{8}), 6.6 + 14 * 1.0, 1e-2);
}

TEST(NcclModel, CorrectionsAddWhatTheyName) {
  const NcclGroup group = a100(1);
  const auto with = [&](const NcclCorrection& c) {
    return nccl_time(CollectiveKind::all_gather, ring, simple, Bytes{240e6}, group, c).value() * 1e6;
  };
  const double latency = 8.4 + 7 * 3.4, transfer = 875;  // 7/8 of 240 MB at 240 GB/s
  EXPECT_NEAR(with({}), latency + transfer, 1e-6);
  EXPECT_NEAR(with({.latency = 2}), 2 * latency + transfer, 1e-6);
  EXPECT_NEAR(with({.plateau = 0.5}), latency + 2 * transfer, 1e-6);
  EXPECT_NEAR(with({.pipelining = 0.5}), latency + transfer + std::sqrt(4 * 3.4 * transfer),
              1e-6);  // four slices of a step
  EXPECT_NEAR(with({.copy = BytesPerSecond{1e12}}), latency + transfer + 30, 1e-6);  // an eighth, 30 MB at 1 TB/s
}

TEST(NcclPeers, SendTheirSharesAtOnce) {
  const double inside = nccl_all_to_all(Bytes{72e6}, h100(1)).value() * 1e6;
  EXPECT_NEAR(inside, 6 + 7 * 0.15 + 63e6 / (0.72 * 450e3), 1e-6);  // 7/8 of it leaves the rank
  const double across = nccl_all_to_all(Bytes{72e6}, h100(2)).value() * 1e6;
  EXPECT_NEAR(across, 6 + 7 * 0.15 + 8 + 8 * 0.5 + 36e6 * 8 / (0.96 * 400e3),
              1e-6);  // half of it leaves the node, of eight ranks
  NcclGroup two = h100(1);
  two.ranks = 2;
  EXPECT_NEAR(nccl_send(Bytes{72e6}, two).value() * 1e6, 6.15 + 72e6 / (0.72 * 450e3), 1e-6);
}

}  // namespace
}  // namespace forerun
