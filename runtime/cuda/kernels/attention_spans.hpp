// What the attention's kernels have in common: which keys a query sees, in tiles, and how large tiles may be.
#pragma once

#include <cmath>
#include <optional>

#include "runtime/cpu/attention.hpp"
#include "runtime/cuda/kernels/attention_tiles.hpp"

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
FORERUN_ANYWHERE inline Span seen_keys(const std::int32_t* keys, std::int64_t n, std::int64_t position,
                                       std::int64_t window) {
  const std::int64_t last = count_up_to(keys, n, position);
  return {window == 0 ? 0 : count_up_to(keys, last, position - window), last};
}

// The queries, of an ascending list of positions, that see a key from the first to the last.
FORERUN_ANYWHERE inline Span seeing_queries(const std::int32_t* queries, std::int64_t n, std::int64_t first_key,
                                            std::int64_t last_key, std::int64_t window) {
  return {count_up_to(queries, n, first_key - 1), window == 0 ? n : count_up_to(queries, n, last_key + window - 1)};
}

// What of `all` lies in the tile from `first` on, counted from there.
struct TileSpan {
  int first, last;
};
FORERUN_ANYWHERE inline TileSpan within(Span all, std::int64_t first, int tile) {
  const auto bounded = [&](std::int64_t x) {
    return static_cast<int>(x < first ? 0 : x - first < tile ? x - first : tile);
  };
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

// A tile of queries of a head of a sequence, as items are numbered: the heads of a group side by side, which read the
// same keys; the last tiles, which see most, first.
struct QueryTile {
  int head, kv_head, count;          // count: queries
  std::int64_t sequence, query, row;  // of its first query: in its sequence, and of all

  FORERUN_ANYWHERE QueryTile(const AttentionShape& s, int tile, std::int64_t item)
      : head(static_cast<int>(item % s.heads)),
        kv_head(head / (s.heads / s.kv_heads)),
        sequence(item / s.heads % s.sequences),
        query(((s.queries - 1) / tile - item / s.heads / s.sequences) * tile),
        row(sequence * s.queries + query) {
    count = at_most(s.queries - query, tile);
  }

  FORERUN_ANYWHERE static std::int64_t number(const AttentionShape& s, int tile) {
    return (s.queries + tile - 1) / tile * s.sequences * s.heads;
  }

  // The keys that each of its queries sees; none for those beyond `count`.
  template <class Team>
  FORERUN_ANYWHERE void find_seen(const Team& team, const AttentionShape& s, int tile,
                                  const std::int32_t* query_positions, const std::int32_t* key_positions,
                                  Span* seen) const {
    for (int i = team.rank(); i < tile; i += team.size())
      seen[i] = i < count ? seen_keys(key_positions, s.keys, query_positions[query + i], s.window) : Span{};
  }
};

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
