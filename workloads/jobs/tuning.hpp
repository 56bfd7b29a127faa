// What of a model a fine-tuning job trains: all of it, its last blocks, or small parts that are added to a frozen base.
//
//   {kind: finetune, tuning: lora, rank: 16, target: [linear_qkv, linear_proj]}   qlora: the same on a base in 4 bits
//   {kind: finetune, tuning: adapter, width: 64}                                  bottlenecks (Houlsby et al. 2019)
//   {kind: finetune, tuning: frozen, trainable_blocks: 2, train_head: true}       the last blocks and the head
//
// Bottlenecks of adapters stand after attention and after the feed-forward part.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace forerun {

struct Model;

enum class TuningKind : std::uint8_t { full, frozen, adapter, lora, qlora };

// Products that low-rank factors stand beside. The first seven are one matrix each, as checkpoints have them; the last
// four are products that Megatron runs as one: one A for all of their columns. linear_fc1 holds gate and up where the
// model has a gate.
enum class LowRankTarget : std::uint8_t {
  q_proj,
  k_proj,
  v_proj,
  o_proj,
  gate_proj,
  up_proj,
  down_proj,
  linear_qkv,
  linear_proj,
  linear_fc1,
  linear_fc2,
};

struct Tuning {
  TuningKind kind = TuningKind::full;
  int rank = 0;  // lora, qlora: of the factors A [in, rank] and B [rank, out]; 0: not stated
  std::vector<LowRankTarget> target;  // lora, qlora: ascending; empty: not stated
  int width = 0;  // adapter: of the bottleneck
  int trainable_blocks = 0;  // frozen: the last ones
  bool train_head = true;  // frozen: final norm and head as well

  bool operator==(const Tuning&) const = default;
};

inline bool is_low_rank(const Tuning& tuning) {
  return tuning.kind == TuningKind::lora || tuning.kind == TuningKind::qlora;
}
// Base weights stay as they are: in the format of the activations, without gradients, master copies and optimiser
// states.
inline bool has_frozen_base(const Tuning& tuning) { return tuning.kind != TuningKind::full; }

std::string_view to_string(TuningKind);
std::string_view to_string(LowRankTarget);

// Bytes of a matrix in NF4 with double quantisation (Dettmers et al. 2023, section 3): 4 bits an element, an 8-bit
// scale for every 64 of them and a 32-bit one for every 256 scales: 4.127 bits an element.
std::int64_t nf4_bytes(std::int64_t elements);

// Why a model cannot be trained so.
Problems check(const Tuning&, const Model&);
// Marks the blocks below everything that is trained.
void freeze_blocks(const Tuning&, Model&);

}  // namespace forerun
