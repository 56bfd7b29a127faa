// The time of fused attention (flash attention): many queries at once (training, prefill), and one query a sequence
// (decode).
//
// Many queries, in tiles of 128 rows that end at the diagonal:
//   t  = launch + (tc^p + (bytes / (memory x bandwidth))^p)^(1/p)
//   tc = (max(W / SMs, L) + tail x L) / (rate of one SM x compute) + wave x ceil(tiles / SMs)
//   W  = tiles x 128 x keys x 2 (head_dim + value_dim + 2 softmax),  tiles = sequences x heads x ceil(q / 128)
//   keys = min(kv, visible kv + 64 if masked): what a tile's last row sees is computed for all its rows
//   L  = the longest tile's part of W
// A core of a CPU handles 64 rows at a time, fewer at the end of a sequence at their own cost
// (runtime/cpu/attention_blocks.hpp); wave: what starting its products costs a tile. Backward does W x 5/2 (five
// products where forward has two) at `backward` times the rate.
//
// One query (flash decoding; a block of work is a key-value head of a sequence, split over keys):
//   t  = launch + (tm^3 + tc^3)^(1/3) + wave x ceil(blocks / SMs)
//   tm = key-value bytes / (memory x bandwidth x min(1, units / (SMs x fill)))
//   tc = 4 heads rows kv head_dim / (peak x min(1, units / SMs))
//   blocks = sequences x kv_heads,  units = blocks x max(1, kv / split)
// Where more than `group` query heads share a key-value head, kernels do not share it: blocks = sequences x heads, and
// each reads the keys again, from the L2 cache, for `again` times what the first reading costs. Where each has its own
// and `split_single` is 0, nothing is split.
//
// Source: fits to public timings (docs/cost-models.md); the softmax term stands for the exponentials, whose cost does
// not shrink with the head; group and split_single are what TensorRT-LLM (masked attention beyond 32 heads) and vLLM
// 0.14 (no split without grouped queries) show.
#pragma once

#include "costmodel/fitting/form_field.hpp"
#include "hardware/device.hpp"
#include "workloads/operators/kernels.hpp"

namespace forerun {

struct PrefillForm {
  double compute = 1;  // share of the dense peak
  double memory = 1;  // share of the datasheet bandwidth
  double launch = 0;  // seconds: the call, of one or several kernels
  double exponent = 2;
  double softmax = 0;  // head elements that would cost as much as the exponentials of a score
  double tail = 0;  // share of the longest tile that runs alone
  double wave = 0;  // seconds: fixed cost of each round of tiles
  // Rate of backward over forward: 592 of 695 TFLOP/s of cuDNN on an H200 (docs/cost-models.md).
  double backward = 0.85;

  bool operator==(const PrefillForm&) const = default;
};

struct DecodeForm {
  double memory = 1;  // share of the datasheet bandwidth
  double launch = 0;  // seconds
  double rows = 1;  // rows of a matrix instruction that one query occupies
  double split = 512;  // keys of one unit of work
  double fill = 1;  // units an SM that saturate the bandwidth
  double wave = 0;  // seconds: fixed cost of each round of blocks
  double single = 1;  // of a round whose blocks handle one query head each, relative to one whose blocks handle several
  double again = 0.5;  // cost of reading keys once more from the cache, relative to memory
  double group = 1024;  // query heads a block handles at most
  double split_single = 1;  // 0: keys are not split where every query head has its own

  bool operator==(const DecodeForm&) const = default;
};

template <>
std::span<const FormField<PrefillForm>> fields_of<PrefillForm>();
template <>
std::span<const FormField<DecodeForm>> fields_of<DecodeForm>();

// `most`: the largest share of the peak that power allows.
Seconds time(const PrefillForm&, const Device&, const FusedAttention&, double most = 1);
Seconds time(const DecodeForm&, const Device&, const FusedAttention&);

// Few queries a sequence run the decode kernels.
constexpr bool is_decode(const FusedAttention& a) { return !a.backward && a.q_len <= 16 && a.q_len < a.kv_len; }

}  // namespace forerun
