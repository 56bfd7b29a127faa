// What a software requires of a plan and refuses otherwise, each with its source: rows of `requires` in a stack's file.
//
//   requires:
//     - {must: "pp = 1 or zero <= 1", says: its pipelines keep gradients whole, source: runtime/pipe/engine.py}
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/expression.hpp"

namespace forerun {

struct StackRule {
  Expression must;  // over rule_names(); of every block of the model
  std::string says;  // why, for people
  std::string source;  // a file of the software, a document, an issue

  bool operator==(const StackRule&) const = default;
};

// What a rule may name: the plan's keys, the job's, and of the model what a plan cuts. Those from `heads` on are of a
// block.
enum class RuleName : std::uint8_t {
  tp,
  sp,
  cp,
  cp_kind,
  pp,
  virtual_stages,
  schedule,
  stages,
  ep,
  etp,
  dp,
  zero,
  zero_exchange,
  sharding_group,
  micro_batch,
  recompute,
  offload_optimizer,
  offload_activations,
  micro_batches,
  gpus,
  node,
  sequence,
  global_batch,
  dtype,
  low_rank,
  layers,
  vocab,
  tied,
  heads,
  kv_heads,
  latent,
  window,
  width,
  experts,
  hidden
};
inline constexpr auto rule_name_count = static_cast<std::size_t>(RuleName::hidden) + 1;
using RuleValues = std::array<std::int64_t, rule_name_count>;

const std::vector<ExpressionName>& rule_names();  // in the order of RuleName
std::string rule_name_text();  // all of them, as the documentation lists them

}  // namespace forerun
