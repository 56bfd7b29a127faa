// A parallel plan: how one job is spread over the devices.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/schedule_kind.hpp"
#include "base/vocabulary.hpp"

namespace forerun {

enum class Recompute : std::uint8_t { none, selective, full };

// How the blocks are cut into the pp x virtual_stages chunks.
enum class StageCut : std::uint8_t {
  even,            // sizes differ by one block at most
  even_with_ends,  // the same, the embedding and the head counting as a block each
  list,            // as written
};

// A stage of its own kind; unset fields are those of the plan.
struct Stage {
  int blocks = 0;
  std::optional<int> tp, micro_batch;
  std::optional<std::string> device;

  bool operator==(const Stage&) const = default;
};

struct Offload {
  bool optimizer = false;
  bool activations = false;

  bool operator==(const Offload&) const = default;
};

// Whether communication of a dimension may hide behind computation; unset: as far as the stack can.
struct OverlapChoice {
  std::optional<bool> tp, cp, ep, dp, pp;

  bool operator==(const OverlapChoice&) const = default;
};

// gpus = tp x cp x dp x pp; expert layers: etp x ep x edp = tp x cp x dp over the same ranks. Ranks are numbered with
// tp innermost, then cp, dp, pp.
struct Plan {
  int tp = 1;
  bool sp = false;                // sequence parallelism in the tensor-parallel group (Megatron SP)
  int cp = 1;
  CpKind cp_kind = CpKind::ring;
  int pp = 1;
  int virtual_stages = 1;
  ScheduleKind schedule = ScheduleKind::one_f_one_b;
  double activation_limit = 1;    // zb_auto: saved activations over those of 1F1B's first stage (1: ZB-1p, 2: ZB-2p)
  StageCut cut = StageCut::even;
  std::vector<Stage> stages;      // of cut == list, in the order of the chunks
  int ep = 1;
  int etp = 1;
  int dp = 1;
  int zero = 0;                   // 1: optimiser states, 2: and gradients, 3: and parameters, sharded over dp x cp
  ZeroExchange zero_exchange = ZeroExchange::every_pass;  // of what levels 2 and 3 cut
  int sharding_group = 0;         // HSDP: ranks that share one copy; 0: all of dp x cp
  int micro_batch = 1;            // sequences
  Recompute recompute = Recompute::none;
  Offload offload;
  OverlapChoice overlap;

  bool operator==(const Plan&) const = default;
};

// Does the schedule run B and W at different times?
inline bool splits_backward(const Plan& plan) { return plan.pp > 1 && splits_backward(plan.schedule); }
// Do two copies of the model run in opposite directions?
inline bool runs_both_ways(const Plan& plan) {
  return plan.pp > 1 && traits(plan.schedule).route == ChunkRoute::both_ways;
}

// Are parameters and gradients that ZeRO-2 and 3 cut whole from the first pass of a step to the last?
inline bool exchanges_once(const Plan& plan) {
  return plan.zero >= 2 && plan.zero_exchange == ZeroExchange::once_a_step;
}
// The level as the passes of a step see it: exchanging once is ZeRO-1 for them.
inline int zero_in_step(const Plan& plan) { return exchanges_once(plan) ? 1 : plan.zero; }

inline int gpus(const Plan& plan) { return plan.tp * plan.cp * plan.dp * plan.pp; }

std::string_view to_string(Recompute);
std::string_view to_string(StageCut);
std::optional<Recompute> recompute_from(std::string_view);

// "tp 4 sp, cp 2 ring, pp 4 x5, dp 2, zero 1, micro-batch 1"
std::string summary(const Plan&);

}  // namespace forerun
