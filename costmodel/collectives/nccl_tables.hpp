// The constants of NCCL's cost model, as printed in its source, release 2.30.7: src/graph/tuning.cc lines 139-212 and
// 383-541. Times in microseconds, rates in GB/s, as there.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace forerun {

// host: not NCCL's, but ranks of one machine through its memory, whose measured collectives have the same files and
// curves (and no tables below).
enum class NcclGeneration : std::uint8_t { volta, ampere, hopper, blackwell, host };
enum class NcclAlgorithm : std::uint8_t { ring, tree, nvls, nvls_tree, pat };
enum class NcclProtocol : std::uint8_t { ll, ll128, simple };  // 8-byte flags, 128-byte flags, plain stores with fences
std::string_view to_string(NcclAlgorithm);
std::string_view to_string(NcclProtocol);

namespace nccl {

using ByProtocol = std::array<double, 3>;  // LL, LL128, Simple
using ByNodes = std::array<double, 3>;  // one node, two, more

// Added once (baseLat, tuning.cc:139) and by every hop (hwLat, :160) of ring, tree, NVLS, NVLSTree, PAT. NVLS has no
// base.
inline constexpr std::array<ByProtocol, 5> base_latency{
    {{6.6, 14.0, 8.4}, {6.8, 14.0, 8.4}, {0, 0, 0}, {0, 0, 0}, {8.0, 8.0, 8.0}}};
inline constexpr std::array<ByProtocol, 5> nvlink_latency{
    {{0.6, 1.9, 3.4}, {0.6, 1.25, 4.0}, {0, 0, 25}, {0, 0, 25}, {0, 0, 4.0}}};
inline constexpr std::array<ByProtocol, 5> pci_latency{
    {{1.0, 2.5, 5.7}, {1.0, 1.9, 4.0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 5.7}}};
inline constexpr std::array<ByProtocol, 5> network_latency{
    {{2.7, 4.0, 14.0}, {5.0, 8.5, 14.0}, {0, 0, 18.0}, {0, 0, 20.9}, {0, 0, 14.0}}};

// What one generation's rings and trees carry, by nodes. LL of more than one node takes Volta's row on Intel hosts
// (tuning.cc:318).
struct Generation {
  int channels;  // of the graph inside a node (presets of public logs: 6 x 20, 12 x 20, 12 x 30, 18 x 40)
  double network_channel;  // GB/s of one channel between nodes
  ByNodes ll;  // llMaxBws
  double ring_ll128;  // perChMaxRingLL128Bws
  ByNodes tree;  // perChMaxTreeBws
  ByNodes tree_ll128;  // perChMaxTreeLL128Bws
  double nvls;  // nvlsEfficiency
  double nvls_head;  // GB/s of one head, at most (largest speed of the search, search.cc:1051)
  ByNodes nvls_tree;  // perChMaxNVLSTreeBws
  double plateau;  // latency of large ring all-reduces over nodes, relative (tuning.cc:648)
};

inline constexpr std::array<Generation, 4> generations{{
    {6, 24, {39, 39, 20.4}, 20, {26.5, 18.5, 10}, {20, 20, 20}, 0, 0, {0, 0, 0}, 1.9},
    {12, 24, {87.7, 22.5, 19}, 20, {24, 23.6, 17.8}, {20, 20, 20}, 0, 0, {0, 0, 0}, 1.4},
    {12, 45, {141, 45, 35}, 36.7, {38.7, 41.4, 36}, {36.7, 36.7, 29}, 0.85, 60, {0, 57.7, 45.5}, 1.4},
    {18, 45, {282, 90, 70}, 40, {70, 42.8, 24}, {55.6, 31.67, 20}, 0.74, 90, {0, 96, 80}, 1.4},
}};

// Of a port's datasheet rate, what NCCL's search finds: 20.6 of 25 GB/s a link rounded down to the ladder: 240 of 300,
// 360 of 450, 720 of 900; PCIe 4.0 x16 24 of 32; network 45 to 48 of 50.
inline constexpr double nvlink_share = 0.8, pci_share = 0.75, network_share = 0.96;

// treeCorrectionFactor (tuning.cc:600): from 64 bytes on, one for each doubling.
inline constexpr std::array<std::array<double, 24>, 3> tree_correction{{
    {1, 1, 1, 1, .9, .8, .7, .7, .7, .7, .6, .5, .4, .4, .5, .6, .7, .8, .9, 1, 1, 1, 1, 1},
    {1, 1, 1, 1, 1, .9, .8, .8, .8, .7, .6, .6, .6, .6, .6, .6, .8, .9, .9, .9, .9, 1, 1, 1},
    {.9, .9, .9, .9, .9, .9, .9, .8, .7, .6, .6, .5, .5, .5, .5, .6, .7, .8, .7, .7, .8, .9, .9, .9},
}};

}  // namespace nccl
}  // namespace forerun
