// The bodies of causal attention's forward kernels: FlashAttention-2 (Dao 2023), tile by tile in a team's memory.
//
// Why our own: the SDPA operation of the cuDNN 9.19 backend has no causal mask (9.21 is the first that has) and no
// backward with one, and no mask of its says what a list of positions does (the zig-zag pieces of ring attention). As
// here: each query sees a range of the ascending keys.
//
// No atomics: each gradient element is the sum of one team, in one order, so that runs repeat bit for bit.
#pragma once

#include <cmath>
#include <limits>

#include "runtime/cuda/kernels/attention_spans.hpp"

namespace forerun::cuda {

// Probabilities lie in the place of their scores; those of bf16 where the keys were, which are of no more use then, or
// beside where they are too many.
template <class T>
struct ForwardMemory {
  using A = Arithmetic<T>;
  Tile<T> q, k, v, p;
  Tile<A> scores, out;
  A *largest, *total, *part_largest, *part_total;  // of each query: so far; of its parts: in this tile
  Span* seen;
  std::int64_t bytes;

  template <class Team>
  FORERUN_ANYWHERE ForwardMemory(const Team& team, const AttentionTiles& t) {
    Carver<T, Team> carve(team);
    q = carve.operands(t.queries, t.head_dim);
    k = carve.operands(t.keys, t.head_dim);
    v = carve.operands(t.keys, t.value_dim);
    scores = carve.sums(t.queries, t.keys);
    if constexpr (std::is_same_v<T, A>) {
      p = scores;
    } else {
      p = t.queries <= t.keys && t.keys <= t.head_dim ? k : carve.operands(t.queries, t.keys);
    }
    out = carve.sums(t.queries, t.value_dim);
    largest = carve.template list<A>(t.queries);
    total = carve.template list<A>(t.queries);
    part_largest = carve.template list<A>(t.queries * RowParts::most);
    part_total = carve.template list<A>(t.queries * RowParts::most);
    seen = carve.template list<Span>(t.queries);
    bytes = carve.bytes();
  }
};

// An item is a QueryTile.
template <class T>
struct AttentionForward {
  using A = Arithmetic<T>;
  using Memory = ForwardMemory<T>;
  static constexpr A nothing = -std::numeric_limits<A>::infinity();

  AttentionShape s;
  Matrix<const T> q, k, v;
  const std::int32_t *query_positions, *key_positions;
  Matrix<T> out;
  A* log_sum_exp;
  AttentionTiles tiles;

  [[nodiscard]] std::int64_t items() const { return QueryTile::number(s, tiles.queries); }

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t item) const {
    const Memory memory(team, tiles);
    const QueryTile tile(s, tiles.queries, item);
    const auto [head, kv_head, count, sequence, query, row] = tile;

    load_tile(team, part_of(q, row, std::int64_t{head} * s.head_dim), count, s.head_dim, memory.q, tiles.queries,
              tiles.head_dim);
    clear_tile(team, memory.out, tiles.queries, tiles.value_dim);
    for (int i = team.rank(); i < tiles.queries; i += team.size()) memory.largest[i] = nothing, memory.total[i] = 0;
    tile.find_seen(team, s, tiles.queries, query_positions, key_positions, memory.seen);
    team.sync();
    // Both ends move up with the position.
    for (std::int64_t key = memory.seen[0].first, last = memory.seen[count - 1].last; key < last; key += tiles.keys) {
      const int keys = at_most(s.keys - key, tiles.keys);
      const std::int64_t key_row = sequence * s.keys + key;
      load_tile(team, part_of(k, key_row, std::int64_t{kv_head} * s.head_dim), keys, s.head_dim, memory.k, tiles.keys,
                tiles.head_dim);
      load_tile(team, part_of(v, key_row, std::int64_t{kv_head} * s.value_dim), keys, s.value_dim, memory.v, tiles.keys,
                tiles.value_dim);
      team.sync();
      tile_product<Turn::as_is, Turn::transposed>(team, tiles.queries, tiles.keys, tiles.head_dim, memory.q, memory.k,
                                                  false, memory.scores);
      team.sync();
      soften(team, memory, key);
      tile_product<Turn::as_is, Turn::as_is>(team, tiles.queries, tiles.value_dim, tiles.keys, memory.p, memory.v, true,
                                             memory.out);
      team.sync();
    }
    for (Walk at(team.rank(), team.size(), s.value_dim); at.row < count; at.next()) {
      const A total = memory.total[at.row];
      part_of(out, row + at.row, std::int64_t{head} * s.value_dim).data[at.column] =
          T(total > 0 ? memory.out.row(at.row)[at.column] / total : A(0));
    }
    for (int i = team.rank(); i < count; i += team.size()) {
      log_sum_exp[(row + i) * s.heads + head] =
          memory.total[i] > 0 ? memory.largest[i] + std::log(memory.total[i]) : nothing;
    }
  }

 private:
  // Scores to e^(score - largest so far); the output so far is of the largest before, so it is scaled to the new one.
  template <class Team>
  FORERUN_ANYWHERE void soften(const Team& team, const Memory& memory, std::int64_t key) const {
    const A scale = scale_of_scores<A>(s);
    const RowParts mine(team.rank(), team.size(), tiles.queries);
    for (int i = mine.first_row; i < tiles.queries; i += mine.row_step) {
      const TileSpan seen = within(memory.seen[i], key, tiles.keys);
      A* const scores = memory.scores.row(i);
      A most = nothing;
      for (int j = mine.part; j < tiles.keys; j += mine.parts) {
        scores[j] = j >= seen.first && j < seen.last ? scores[j] * scale : nothing;
        most = std::max(most, scores[j]);
      }
      memory.part_largest[i * mine.parts + mine.part] = most;
    }
    team.sync();
    for (int i = mine.first_row; i < tiles.queries; i += mine.row_step) {
      const Change change = change_of(memory, i, mine.parts);
      const A* const scores = memory.scores.row(i);
      A total = 0;
      for (int j = mine.part; j < tiles.keys; j += mine.parts) {
        const A p = std::exp(scores[j] - change.base);
        total += p;
        memory.p.row(i)[j] = T(p);
      }
      memory.part_total[i * mine.parts + mine.part] = total;
      for (int j = mine.part; j < tiles.value_dim; j += mine.parts) memory.out.row(i)[j] *= change.factor;
    }
    team.sync();
    for (int i = mine.first_row; mine.part == 0 && i < tiles.queries; i += mine.row_step) {
      const Change change = change_of(memory, i, mine.parts);
      A total = memory.total[i] * change.factor;
      for (int part = 0; part < mine.parts; ++part) total += memory.part_total[i * mine.parts + part];
      memory.total[i] = total;
      memory.largest[i] = change.largest;
    }
  }

  struct Change {
    A largest, base, factor;  // base: the largest, or 0 where nothing has been seen
  };
  FORERUN_ANYWHERE static Change change_of(const Memory& memory, int i, int parts) {
    A largest = memory.largest[i];
    for (int part = 0; part < parts; ++part) largest = std::max(largest, memory.part_largest[i * parts + part]);
    const A base = largest == nothing ? A(0) : largest;
    return {largest, base, std::exp(memory.largest[i] - base)};
  }
};

// With m = max(a, b): log(e^a + e^b) = m + log(e^(a-m) + e^(b-m)); the outputs are weighted by e^(a-m) and e^(b-m) over
// their sum. An item is some rows of a head each.
template <class T>
struct MergeAttention {
  using A = Arithmetic<T>;
  static constexpr int rows_of_item = 16;
  static constexpr std::int64_t bytes = 2 * rows_of_item * sizeof(A);

  AttentionShape s;
  Matrix<const T> out;
  const A* log_sum_exp;
  A *sum, *sum_log_sum_exp;

  [[nodiscard]] std::int64_t rows() const { return s.sequences * s.queries * s.heads; }
  [[nodiscard]] std::int64_t items() const { return (rows() + rows_of_item - 1) / rows_of_item; }

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t item) const {
    A* const weights = team.template shared<A>();  // of what there was and of what is new
    const std::int64_t first = item * rows_of_item;
    const int count = at_most(s.sequences * s.queries * s.heads - first, rows_of_item);
    for (int i = team.rank(); i < count; i += team.size()) {
      const A here = sum_log_sum_exp[first + i], there = log_sum_exp[first + i], largest = std::max(here, there);
      const bool any = there != -std::numeric_limits<A>::infinity();
      const A mine = any ? std::exp(here - largest) : A(1), its = any ? std::exp(there - largest) : A(0);
      weights[2 * i] = mine / (mine + its);
      weights[2 * i + 1] = its / (mine + its);
      if (any) sum_log_sum_exp[first + i] = largest + std::log(mine + its);
    }
    team.sync();
    for (Walk at(team.rank(), team.size(), s.value_dim); at.row < count; at.next()) {
      const std::int64_t row = first + at.row;
      const T* const from = part_of(out, row / s.heads, row % s.heads * s.value_dim).data;
      A& to = sum[row * s.value_dim + at.column];
      to = weights[2 * at.row] * to + weights[2 * at.row + 1] * A(from[at.column]);
    }
  }
};

}  // namespace forerun::cuda
