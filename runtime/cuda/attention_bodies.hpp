// The bodies of causal attention's kernels: FlashAttention-2 (Dao 2023), tile by tile in a team's memory.
//
// Why our own: the SDPA operation of the cuDNN 9.19 backend has no causal mask (9.21 is the first that has) and no backward with one, and no mask of
// its says what a list of positions does (the zig-zag pieces of ring attention). As here: each query sees a range of the ascending keys.
//
// No atomics: each gradient element is the sum of one team, in one order, so that runs repeat bit for bit.
#pragma once

#include <cmath>
#include <limits>
#include <optional>

#include "runtime/attention.hpp"
#include "runtime/cuda/attention_tiles.hpp"

namespace forerun::cuda {

// Queries and keys of a tile; the dimensions are those of the shape in whole blocks.
struct AttentionTiles {
  int queries = 0, keys = 0, head_dim = 0, value_dim = 0;
};

struct Span {
  std::int64_t first = 0, last = 0;  // none where first == last
};

// How many of an ascending list are at most `value`.
FORERUN_ANYWHERE inline std::int64_t count_up_to(const std::int32_t* list, std::int64_t n, std::int64_t value) {
  std::int64_t first = 0;
  while (n > 0) {
    const std::int64_t half = n / 2;
    if (list[first + half] <= value) {
      first += half + 1;
      n -= half + 1;
    } else {
      n = half;
    }
  }
  return first;
}

// The keys, of an ascending list of positions, that a query sees.
FORERUN_ANYWHERE inline Span seen_keys(const std::int32_t* keys, std::int64_t n, std::int64_t position, std::int64_t window) {
  const std::int64_t last = count_up_to(keys, n, position);
  return {window == 0 ? 0 : count_up_to(keys, last, position - window), last};
}

// The queries, of an ascending list of positions, that see a key from the first to the last.
FORERUN_ANYWHERE inline Span seeing_queries(const std::int32_t* queries, std::int64_t n, std::int64_t first_key, std::int64_t last_key, std::int64_t window) {
  return {count_up_to(queries, n, first_key - 1), window == 0 ? n : count_up_to(queries, n, last_key + window - 1)};
}

// What of `all` lies in the tile from `first` on, counted from there.
struct TileSpan {
  int first, last;
};
FORERUN_ANYWHERE inline TileSpan within(Span all, std::int64_t first, int tile) {
  const auto bounded = [&](std::int64_t x) { return static_cast<int>(x < first ? 0 : x - first < tile ? x - first : tile); };
  return {bounded(all.first), bounded(all.last)};
}

template <class E>
FORERUN_ANYWHERE Matrix<E> part_of(Matrix<E> m, std::int64_t row, std::int64_t column) {
  return {m.data + row * m.stride + column, m.stride};
}

template <class E>
FORERUN_ANYWHERE int at_most(E left, int tile) {
  return static_cast<int>(left < tile ? left : tile);
}

template <class A>
FORERUN_ANYWHERE A scale_of_scores(const AttentionShape& s) {
  return 1 / std::sqrt(static_cast<A>(s.head_dim));
}

// --- forward ---

// bf16 probabilities lie beside their scores, others in their place.
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
      p = carve.operands(t.queries, t.keys);
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

// An item is a tile of queries of a head of a sequence: the heads of a group side by side, which read the same keys; the last tiles, which see most, first.
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

  [[nodiscard]] std::int64_t items() const { return (s.queries + tiles.queries - 1) / tiles.queries * s.sequences * s.heads; }

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t item) const {
    const Memory memory(team, tiles);
    const auto head = static_cast<int>(item % s.heads);
    const int kv_head = head / (s.heads / s.kv_heads);
    const std::int64_t sequence = item / s.heads % s.sequences;
    const std::int64_t last_tile = (s.queries - 1) / tiles.queries;
    const std::int64_t query = (last_tile - item / s.heads / s.sequences) * tiles.queries, row = sequence * s.queries + query;
    const int count = at_most(s.queries - query, tiles.queries);

    load_tile(team, part_of(q, row, std::int64_t{head} * s.head_dim), count, s.head_dim, memory.q, tiles.queries, tiles.head_dim);
    clear_tile(team, memory.out, tiles.queries, tiles.value_dim);
    for (int i = team.rank(); i < tiles.queries; i += team.size()) {
      memory.largest[i] = nothing;
      memory.total[i] = 0;
      memory.seen[i] = i < count ? seen_keys(key_positions, s.keys, query_positions[query + i], s.window) : Span{};
    }
    team.sync();
    // Both ends move up with the position.
    for (std::int64_t key = memory.seen[0].first, last = memory.seen[count - 1].last; key < last; key += tiles.keys) {
      const int keys = at_most(s.keys - key, tiles.keys);
      const std::int64_t key_row = sequence * s.keys + key;
      load_tile(team, part_of(k, key_row, std::int64_t{kv_head} * s.head_dim), keys, s.head_dim, memory.k, tiles.keys, tiles.head_dim);
      load_tile(team, part_of(v, key_row, std::int64_t{kv_head} * s.value_dim), keys, s.value_dim, memory.v, tiles.keys, tiles.value_dim);
      team.sync();
      tile_product<Turn::as_is, Turn::transposed>(team, tiles.queries, tiles.keys, tiles.head_dim, memory.q, memory.k, false, memory.scores);
      team.sync();
      soften(team, memory, key);
      tile_product<Turn::as_is, Turn::as_is>(team, tiles.queries, tiles.value_dim, tiles.keys, memory.p, memory.v, true, memory.out);
      team.sync();
    }
    for (Walk at(team.rank(), team.size(), s.value_dim); at.row < count; at.next()) {
      const A total = memory.total[at.row];
      part_of(out, row + at.row, std::int64_t{head} * s.value_dim).data[at.column] = T(total > 0 ? memory.out.row(at.row)[at.column] / total : A(0));
    }
    for (int i = team.rank(); i < count; i += team.size()) {
      log_sum_exp[(row + i) * s.heads + head] = memory.total[i] > 0 ? memory.largest[i] + std::log(memory.total[i]) : nothing;
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

// With m = max(a, b): log(e^a + e^b) = m + log(e^(a-m) + e^(b-m)); the outputs are weighted by e^(a-m) and e^(b-m) over their sum. An item is some rows of
// a head each.
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

// --- backward: P = e^(S - log-sum-exp), D = rowsum(dO O), dS = P (dO V^T - D); dV += P^T dO, dQ += dS K / sqrt(d), dK += dS^T Q / sqrt(d) ---

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

  [[nodiscard]] std::int64_t items() const { return (s.sequences * s.queries * s.heads + rows_of_item - 1) / rows_of_item; }

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

// From the tiles of queries, dO, keys and values to P, if it is of use, and dS. `first_key`: the tile's, as `seen` counts keys.
template <class T, bool of_keys, class Team>
FORERUN_ANYWHERE void differentiate_scores(const Team& team, const BackwardData<T>& data, const BackwardMemory<T, of_keys>& memory, std::int64_t first_key) {
  using A = Arithmetic<T>;
  const AttentionTiles& tiles = data.tiles;
  tile_product<Turn::as_is, Turn::transposed>(team, tiles.queries, tiles.keys, tiles.head_dim, memory.q, memory.k, false, memory.scores);
  tile_product<Turn::as_is, Turn::transposed>(team, tiles.queries, tiles.keys, tiles.value_dim, memory.dout, memory.v, false, memory.dp);
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
FORERUN_ANYWHERE void load_queries(const Team& team, const BackwardData<T>& data, const BackwardMemory<T, of_keys>& memory, std::int64_t row, int head,
                                   int count) {
  const AttentionShape& s = data.s;
  const AttentionTiles& tiles = data.tiles;
  load_tile(team, part_of(data.q, row, std::int64_t{head} * s.head_dim), count, s.head_dim, memory.q, tiles.queries, tiles.head_dim);
  load_tile(team, part_of(data.dout, row, std::int64_t{head} * s.value_dim), count, s.value_dim, memory.dout, tiles.queries, tiles.value_dim);
  for (int i = team.rank(); i < count; i += team.size()) {
    memory.log_sum_exp[i] = data.log_sum_exp[(row + i) * s.heads + head];
    memory.delta[i] = data.delta[(row + i) * s.heads + head];
  }
}

template <class T, bool of_keys, class Team>
FORERUN_ANYWHERE void load_keys(const Team& team, const BackwardData<T>& data, const BackwardMemory<T, of_keys>& memory, std::int64_t row, int kv_head,
                                int count) {
  const AttentionShape& s = data.s;
  const AttentionTiles& tiles = data.tiles;
  load_tile(team, part_of(data.k, row, std::int64_t{kv_head} * s.head_dim), count, s.head_dim, memory.k, tiles.keys, tiles.head_dim);
  load_tile(team, part_of(data.v, row, std::int64_t{kv_head} * s.value_dim), count, s.value_dim, memory.v, tiles.keys, tiles.value_dim);
}

template <class Team, class T, class A>
FORERUN_ANYWHERE void add_to_gradient(const Team& team, Tile<A> sums, A scale, int rows, int columns, Matrix<T> gradient) {
  for (Walk at(team.rank(), team.size(), columns); at.row < rows; at.next()) {
    T& to = gradient.data[at.row * gradient.stride + at.column];
    to = T(A(to) + scale * sums.row(at.row)[at.column]);
  }
}

// An item is a tile of queries of a head of a sequence, in the order of forward's.
template <class T>
struct AttentionQueryGradient {
  using A = Arithmetic<T>;
  using Memory = BackwardMemory<T, false>;

  BackwardData<T> data;
  Matrix<T> dq;

  [[nodiscard]] std::int64_t items() const { return (data.s.queries + data.tiles.queries - 1) / data.tiles.queries * data.s.sequences * data.s.heads; }

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t item) const {
    const AttentionShape& s = data.s;
    const AttentionTiles& tiles = data.tiles;
    const Memory memory(team, tiles);
    const auto head = static_cast<int>(item % s.heads);
    const std::int64_t sequence = item / s.heads % s.sequences;
    const std::int64_t last_tile = (s.queries - 1) / tiles.queries;
    const std::int64_t query = (last_tile - item / s.heads / s.sequences) * tiles.queries, row = sequence * s.queries + query;
    const int count = at_most(s.queries - query, tiles.queries);

    load_queries(team, data, memory, row, head, count);
    for (int i = team.rank(); i < tiles.queries; i += team.size()) {
      memory.seen[i] = i < count ? seen_keys(data.key_positions, s.keys, data.query_positions[query + i], s.window) : Span{};
    }
    clear_tile(team, memory.sums, tiles.queries, tiles.head_dim);
    team.sync();
    for (std::int64_t key = memory.seen[0].first, last = memory.seen[count - 1].last; key < last; key += tiles.keys) {
      load_keys(team, data, memory, sequence * s.keys + key, head / (s.heads / s.kv_heads), at_most(s.keys - key, tiles.keys));
      team.sync();
      differentiate_scores(team, data, memory, key);
      tile_product<Turn::as_is, Turn::as_is>(team, tiles.queries, tiles.head_dim, tiles.keys, memory.ds, memory.k, true, memory.sums);
      team.sync();
    }
    add_to_gradient(team, memory.sums, scale_of_scores<A>(s), count, s.head_dim, part_of(dq, row, std::int64_t{head} * s.head_dim));
  }
};

// An item is a tile of keys of a head of keys of a sequence, over all queries of the group's heads; the first tiles, which are seen most, first.
template <class T>
struct AttentionKeyGradient {
  using A = Arithmetic<T>;
  using Memory = BackwardMemory<T, true>;

  BackwardData<T> data;
  Matrix<T> dk, dv;

  [[nodiscard]] std::int64_t items() const { return (data.s.keys + data.tiles.keys - 1) / data.tiles.keys * data.s.sequences * data.s.kv_heads; }

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t item) const {
    const AttentionShape& s = data.s;
    const AttentionTiles& tiles = data.tiles;
    const Memory memory(team, tiles);
    const auto kv_head = static_cast<int>(item % s.kv_heads);
    const std::int64_t sequence = item / s.kv_heads % s.sequences;
    const std::int64_t key = item / s.kv_heads / s.sequences * tiles.keys, row = sequence * s.keys + key;
    const int count = at_most(s.keys - key, tiles.keys);
    const Span seeing = seeing_queries(data.query_positions, s.queries, data.key_positions[key], data.key_positions[key + count - 1], s.window);
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
          memory.seen[i] = i < queries ? seen_keys(memory.key_positions, count, data.query_positions[query + i], s.window) : Span{};
        }
        team.sync();
        differentiate_scores(team, data, memory, 0);
        tile_product<Turn::transposed, Turn::as_is>(team, tiles.keys, tiles.value_dim, tiles.queries, memory.p, memory.dout, true, memory.value_sums);
        tile_product<Turn::transposed, Turn::as_is>(team, tiles.keys, tiles.head_dim, tiles.queries, memory.ds, memory.q, true, memory.sums);
        team.sync();
      }
    }
    add_to_gradient(team, memory.sums, scale_of_scores<A>(s), count, s.head_dim, part_of(dk, row, std::int64_t{kv_head} * s.head_dim));
    add_to_gradient(team, memory.value_sums, A(1), count, s.value_dim, part_of(dv, row, std::int64_t{kv_head} * s.value_dim));
  }
};

// --- sizes ---

struct NoTeam {  // whose memory is measured only
  template <class E>
  [[nodiscard]] FORERUN_ANYWHERE E* shared(std::int64_t /*first_byte*/) const {
    return nullptr;
  }
};
template <class Memory>
std::int64_t bytes_of(const AttentionTiles& tiles) {
  return Memory(NoTeam{}, tiles).bytes;
}

// The largest tiles whose memory fits. The smallest of fp64 with dimensions of 256 take 50 KB.
template <class T, class Memory>
std::optional<AttentionTiles> tiles_that_fit(const AttentionShape& s, std::int64_t limit) {
  for (const AttentionTiles size : {AttentionTiles{64, 64}, {64, 32}, {32, 32}, {32, 16}, {16, 16}, {8, 8}, {4, 4}}) {
    if (size.queries < tile_block<T>) break;
    const AttentionTiles tiles{size.queries, size.keys, whole_blocks<T>(s.head_dim), whole_blocks<T>(s.value_dim)};
    if (bytes_of<Memory>(tiles) <= limit) return tiles;
  }
  return std::nullopt;
}

}  // namespace forerun::cuda
