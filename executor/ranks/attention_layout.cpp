#include "executor/ranks/attention_layout.hpp"

#include <numeric>

#include "executor/ranks/token_batch.hpp"

namespace forerun {

AttentionShape attention_shape(const RankContext& rank, const SequenceRun& run) {
  const Attention& a = *rank.block().attention();
  const bool cut = heads_are_cut(rank.plan);
  const int cuts = rank.plan.tp * (cut ? rank.plan.cp : 1);
  const std::int64_t positions = cut ? run.length : run.queries;
  return {.sequences = run.count,
          .queries = positions,
          .keys = positions,
          .heads = a.heads / cuts,
          .kv_heads = a.kv_heads / cuts,
          .head_dim = a.head_dim,
          .value_dim = a.head_dim,
          .window = a.window.value_or(0)};
}

RowWidths row_widths(const RankContext& rank) {
  const AttentionShape s = attention_shape(rank, rank.sequences().front());
  const std::int64_t keys = std::int64_t{s.kv_heads} * s.head_dim;
  return {.queries = std::int64_t{s.heads} * s.head_dim, .keys = keys, .values = keys};
}

std::int64_t attention_rows(const RankContext& rank) {
  std::int64_t rows = 0;
  for (const SequenceRun& run : rank.sequences())
    rows += run.count * (heads_are_cut(rank.plan) ? run.length : run.queries);
  return rows;
}

std::vector<std::int32_t> attention_positions(const RankContext& rank, const SequenceRun& run, int cp_rank) {
  if (!heads_are_cut(rank.plan)) return positions_of(rank.plan, run.length, cp_rank);
  std::vector<std::int32_t> all(static_cast<std::size_t>(run.length));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace forerun
