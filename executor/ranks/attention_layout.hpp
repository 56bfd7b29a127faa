// How queries, keys and values of a micro-batch lie on a rank: rows of positions, sequence by sequence, each row the
// queries of all heads, then the keys, then the values.
#pragma once

#include <cstdint>
#include <vector>

#include "executor/ranks/rank_context.hpp"
#include "runtime/cpu/attention.hpp"

namespace forerun {

// Ulysses: attention is over all positions with a share of the heads.
inline bool heads_are_cut(const Plan& plan) { return plan.cp > 1 && plan.cp_kind == CpKind::ulysses; }

// Of equal sequences in the unit at work.
AttentionShape attention_shape(const RankContext&, const SequenceRun&);

// Elements of a row.
struct RowWidths {
  std::int64_t queries = 0, keys = 0, values = 0;

  [[nodiscard]] std::int64_t keys_and_values() const { return keys + values; }
  [[nodiscard]] std::int64_t all() const { return queries + keys + values; }
};
RowWidths row_widths(const RankContext&);

// Rows of all sequences in attention.
std::int64_t attention_rows(const RankContext&);

// Of the queries, or the keys, of a rank of the context-parallel group.
std::vector<std::int32_t> attention_positions(const RankContext&, const SequenceRun&, int cp_rank);

}  // namespace forerun
