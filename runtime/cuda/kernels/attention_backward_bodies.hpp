// The bodies of causal attention's backward kernels, as forward's (attention_forward_bodies.hpp).
//
// P = e^(S - log-sum-exp), D = rowsum(dO O), dS = P (dO V^T - D); dV += P^T dO, dQ += dS K / sqrt(d), dK += dS^T Q /
// sqrt(d)
#pragma once

#include <cmath>

#include "runtime/cuda/kernels/attention_spans.hpp"

namespace forerun::cuda {

template <class T>
struct BackwardData {
  AttentionShape s;
  Matrix<const T> q, k, v;
  const std::int32_t *query_positions, *key_positions;
  Matrix<const T> dout;
  const Arithmetic<T>*log_sum_exp, *delta;
  AttentionTiles tiles;
};

// D of some rows of a head each.
template <class T>
struct AttentionDelta {
  using A = Arithmetic<T>;
  static constexpr int rows_of_item = 16;
  static constexpr std::int64_t bytes = rows_of_item * RowParts::most * sizeof(A);

  AttentionShape s;
  Matrix<const T> out, dout;
  A* delta;

  [[nodiscard]] std::int64_t items() const {
    return (s.sequences * s.queries * s.heads + rows_of_item - 1) / rows_of_item;
  }

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t item) const {
    A* const of_parts = team.template shared<A>();
    const std::int64_t first = item * rows_of_item;
    const int count = at_most(s.sequences * s.queries * s.heads - first, rows_of_item);
    const RowParts mine(team.rank(), team.size(), rows_of_item);
    for (int i = mine.first_row; i < count; i += mine.row_step) {
      const std::int64_t row = (first + i) / s.heads, column = (first + i) % s.heads * s.value_dim;
      const T *const o = part_of(out, row, column).data, *const d = part_of(dout, row, column).data;
      A sum = 0;
      for (int j = mine.part; j < s.value_dim; j += mine.parts) sum += A(o[j]) * A(d[j]);
      of_parts[i * mine.parts + mine.part] = sum;
    }
    team.sync();
    for (int i = team.rank(); i < count; i += team.size()) {
      A sum = 0;
      for (int part = 0; part < mine.parts; ++part) sum += of_parts[i * mine.parts + part];
      delta[first + i] = sum;
    }
  }
};

template <class T, bool of_keys>
struct BackwardMemory {
  using A = Arithmetic<T>;
  Tile<T> q, k, v, dout, p, ds;
  Tile<A> scores, dp;
  Tile<A> sums, value_sums;  // gradients of queries; of keys and of values
  A *log_sum_exp, *delta;
  Span* seen;
  std::int32_t* key_positions;
  std::int64_t bytes;

  template <class Team>
  FORERUN_ANYWHERE BackwardMemory(const Team& team, const AttentionTiles& t) {
    Carver<T, Team> carve(team);
    q = carve.operands(t.queries, t.head_dim);
    k = carve.operands(t.keys, t.head_dim);
    v = carve.operands(t.keys, t.value_dim);
    dout = carve.operands(t.queries, t.value_dim);
    scores = carve.sums(t.queries, t.keys);
    dp = carve.sums(t.queries, t.keys);
    if constexpr (std::is_same_v<T, A>) {
      p = scores;
      ds = dp;
    } else {
      if constexpr (of_keys) p = carve.operands(t.queries, t.keys);
      ds = carve.operands(t.queries, t.keys);
    }
    sums = carve.sums(of_keys ? t.keys : t.queries, t.head_dim);
    if constexpr (of_keys) value_sums = carve.sums(t.keys, t.value_dim);
    log_sum_exp = carve.template list<A>(t.queries);
    delta = carve.template list<A>(t.queries);
    seen = carve.template list<Span>(t.queries);
    if constexpr (of_keys) key_positions = carve.template list<std::int32_t>(t.keys);
    bytes = carve.bytes();
  }
};

// From the tiles of queries, dO, keys and values to P, if it is of use, and dS. `first_key`: the tile's, as `seen`
// counts keys.
template <class T, bool of_keys, class Team>
FORERUN_ANYWHERE void differentiate_scores(const Team& team, const BackwardData<T>& data,
                                           const BackwardMemory<T, of_keys>& memory, std::int64_t first_key) {
  using A = Arithmetic<T>;
  const AttentionTiles& tiles = data.tiles;
  tile_product<Turn::as_is, Turn::transposed>(team, tiles.queries, tiles.keys, tiles.head_dim, memory.q, memory.k,
                                              false, memory.scores);
  tile_product<Turn::as_is, Turn::transposed>(team, tiles.queries, tiles.keys, tiles.value_dim, memory.dout, memory.v,
                                              false, memory.dp);
  team.sync();
  const A scale = scale_of_scores<A>(data.s);
  const RowParts mine(team.rank(), team.size(), tiles.queries);
  for (int i = mine.first_row; i < tiles.queries; i += mine.row_step) {
    const TileSpan seen = within(memory.seen[i], first_key, tiles.keys);
    const A log_sum = memory.log_sum_exp[i], delta = memory.delta[i];
    for (int j = mine.part; j < tiles.keys; j += mine.parts) {
      const bool sees = j >= seen.first && j < seen.last;
      const A p = sees ? std::exp(memory.scores.row(i)[j] * scale - log_sum) : A(0);
      const A ds = sees ? p * (memory.dp.row(i)[j] - delta) : A(0);
      if constexpr (of_keys) memory.p.row(i)[j] = T(p);
      memory.ds.row(i)[j] = T(ds);
    }
  }
  team.sync();
}

template <class T, bool of_keys, class Team>
FORERUN_ANYWHERE void load_queries(const Team& team, const BackwardData<T>& data,
                                   const BackwardMemory<T, of_keys>& memory, std::int64_t row, int head, int count) {
  const AttentionShape& s = data.s;
  const AttentionTiles& tiles = data.tiles;
  load_tile(team, part_of(data.q, row, std::int64_t{head} * s.head_dim), count, s.head_dim, memory.q, tiles.queries,
            tiles.head_dim);
  load_tile(team, part_of(data.dout, row, std::int64_t{head} * s.value_dim), count, s.value_dim, memory.dout,
            tiles.queries, tiles.value_dim);
  for (int i = team.rank(); i < count; i += team.size()) {
    memory.log_sum_exp[i] = data.log_sum_exp[(row + i) * s.heads + head];
    memory.delta[i] = data.delta[(row + i) * s.heads + head];
  }
}

template <class T, bool of_keys, class Team>
FORERUN_ANYWHERE void load_keys(const Team& team, const BackwardData<T>& data, const BackwardMemory<T, of_keys>& memory,
                                std::int64_t row, int kv_head, int count) {
  const AttentionShape& s = data.s;
  const AttentionTiles& tiles = data.tiles;
  load_tile(team, part_of(data.k, row, std::int64_t{kv_head} * s.head_dim), count, s.head_dim, memory.k, tiles.keys,
            tiles.head_dim);
  load_tile(team, part_of(data.v, row, std::int64_t{kv_head} * s.value_dim), count, s.value_dim, memory.v, tiles.keys,
            tiles.value_dim);
}

template <class Team, class T, class A>
FORERUN_ANYWHERE void add_to_gradient(const Team& team, Tile<A> sums, A scale, int rows, int columns,
                                      Matrix<T> gradient) {
  for (Walk at(team.rank(), team.size(), columns); at.row < rows; at.next()) {
    T& to = gradient.data[at.row * gradient.stride + at.column];
    to = T(A(to) + scale * sums.row(at.row)[at.column]);
  }
}

// An item is a QueryTile.
template <class T>
struct AttentionQueryGradient {
  using A = Arithmetic<T>;
  using Memory = BackwardMemory<T, false>;

  BackwardData<T> data;
  Matrix<T> dq;

  [[nodiscard]] std::int64_t items() const { return QueryTile::number(data.s, data.tiles.queries); }

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t item) const {
    const AttentionShape& s = data.s;
    const AttentionTiles& tiles = data.tiles;
    const Memory memory(team, tiles);
    const QueryTile tile(s, tiles.queries, item);
    const auto [head, kv_head, count, sequence, query, row] = tile;

    load_queries(team, data, memory, row, head, count);
    tile.find_seen(team, s, tiles.queries, data.query_positions, data.key_positions, memory.seen);
    clear_tile(team, memory.sums, tiles.queries, tiles.head_dim);
    team.sync();
    for (std::int64_t key = memory.seen[0].first, last = memory.seen[count - 1].last; key < last; key += tiles.keys) {
      load_keys(team, data, memory, sequence * s.keys + key, kv_head, at_most(s.keys - key, tiles.keys));
      team.sync();
      differentiate_scores(team, data, memory, key);
      tile_product<Turn::as_is, Turn::as_is>(team, tiles.queries, tiles.head_dim, tiles.keys, memory.ds, memory.k, true,
                                             memory.sums);
      team.sync();
    }
    add_to_gradient(team, memory.sums, scale_of_scores<A>(s), count, s.head_dim,
                    part_of(dq, row, std::int64_t{head} * s.head_dim));
  }
};

// An item is a tile of keys of a head of keys of a sequence, over all queries of the group's heads; the first tiles,
// which are seen most, first.
template <class T>
struct AttentionKeyGradient {
  using A = Arithmetic<T>;
  using Memory = BackwardMemory<T, true>;

  BackwardData<T> data;
  Matrix<T> dk, dv;

  [[nodiscard]] std::int64_t items() const {
    return (data.s.keys + data.tiles.keys - 1) / data.tiles.keys * data.s.sequences * data.s.kv_heads;
  }

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t item) const {
    const AttentionShape& s = data.s;
    const AttentionTiles& tiles = data.tiles;
    const Memory memory(team, tiles);
    const auto kv_head = static_cast<int>(item % s.kv_heads);
    const std::int64_t sequence = item / s.kv_heads % s.sequences;
    const std::int64_t key = item / s.kv_heads / s.sequences * tiles.keys, row = sequence * s.keys + key;
    const int count = at_most(s.keys - key, tiles.keys);
    const Span seeing = seeing_queries(data.query_positions, s.queries, data.key_positions[key],
                                       data.key_positions[key + count - 1], s.window);
    if (seeing.first >= seeing.last) return;

    load_keys(team, data, memory, row, kv_head, count);
    for (int j = team.rank(); j < count; j += team.size()) memory.key_positions[j] = data.key_positions[key + j];
    clear_tile(team, memory.sums, tiles.keys, tiles.head_dim);
    clear_tile(team, memory.value_sums, tiles.keys, tiles.value_dim);
    team.sync();
    const int group = s.heads / s.kv_heads;
    for (int head = kv_head * group; head < (kv_head + 1) * group; ++head) {
      for (std::int64_t query = seeing.first; query < seeing.last; query += tiles.queries) {
        const int queries = at_most(s.queries - query, tiles.queries);
        load_queries(team, data, memory, sequence * s.queries + query, head, queries);
        for (int i = team.rank(); i < tiles.queries; i += team.size()) {
          memory.seen[i] =
              i < queries ? seen_keys(memory.key_positions, count, data.query_positions[query + i], s.window) : Span{};
        }
        team.sync();
        differentiate_scores(team, data, memory, 0);
        tile_product<Turn::transposed, Turn::as_is>(team, tiles.keys, tiles.value_dim, tiles.queries, memory.p,
                                                    memory.dout, true, memory.value_sums);
        tile_product<Turn::transposed, Turn::as_is>(team, tiles.keys, tiles.head_dim, tiles.queries, memory.ds,
                                                    memory.q, true, memory.sums);
        team.sync();
      }
    }
    add_to_gradient(team, memory.sums, scale_of_scores<A>(s), count, s.head_dim,
                    part_of(dk, row, std::int64_t{kv_head} * s.head_dim));
    add_to_gradient(team, memory.value_sums, A(1), count, s.value_dim,
                    part_of(dv, row, std::int64_t{kv_head} * s.value_dim));
  }
};

}  // namespace forerun::cuda
