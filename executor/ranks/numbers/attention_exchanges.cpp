#include <array>

#include "executor/ranks/attention_layout.hpp"
#include "executor/ranks/numbers/exchanges.hpp"
#include "runtime/cpu/instantiate.hpp"

namespace forerun {
namespace {

// Of the keys and values of all ranks, this rank's.
template <class T>
std::span<T> own_keys(KernelContext<T>& k, std::span<T> all) {
  const std::int64_t each = attention_rows(k.rank) * row_widths(k.rank).keys_and_values();
  return all.subspan(static_cast<std::size_t>(k.rank.at.cp * each), static_cast<std::size_t>(each));
}

// Keys and values without their queries.
template <class T>
void pack_keys(KernelContext<T>& k, std::span<const T> qkv, std::span<T> packed) {
  const RowWidths w = row_widths(k.rank);
  copy_rows<T>(k.rank.backend, attention_rows(k.rank), w.keys_and_values(), {qkv.data() + w.queries, w.all()},
               {packed.data(), w.keys_and_values()});
}

}  // namespace

template <class T>
void AttentionExchanges<T>::gather_keys(KernelContext<T>& k, const Communication&, Communicator& among) {
  const std::span<T> all = k.written(0), own = own_keys(k, all);
  pack_keys<T>(k, k.read(0), own);
  among.all_gather(Elements(own), Elements(all));
}

template <class T>
void AttentionExchanges<T>::scatter_key_gradients(KernelContext<T>& k, const Communication&, Communicator& among) {
  const RowWidths w = row_widths(k.rank);
  const std::span<T> all = k.read(0), own = own_keys(k, all);
  among.reduce_scatter(Elements(all), Elements(own), Reduction::sum);
  k.on.add_rows_of(attention_rows(k.rank), w.keys_and_values(), {own.data(), w.keys_and_values()},
                   {k.written(0).data() + w.queries, w.all()});
}

template <class T>
void AttentionExchanges<T>::pass_on_the_ring(KernelContext<T>& k, const Communication& c, Communicator& among) {
  std::span<T> from = k.read(0);
  const std::span<T> to = k.written(0);
  if (std::ssize(from) != c.elements) {
    const std::span<T> packed = k.rank.workspace.template take<T>(c.elements);
    pack_keys<T>(k, from, packed);
    from = packed;
  }
  if (from.data() == to.data() && among.queues()) {  // what is sent is still read while what comes is written
    const std::span<T> apart = k.rank.workspace.template take<T>(c.elements);
    copy<T>(k.rank.backend, from, apart);
    from = apart;
  }
  const int n = among.size();
  among.shift((among.rank() + 1) % n, Elements(from), (among.rank() + n - 1) % n, Elements(to));
}

namespace {

// Rows that are exchanged hold groups of heads, queries, keys and values, or outputs alone. Each group is cut alike:
// `narrow` elements of a row are one rank's share of the heads, `wide` are all.
struct HeadGroups {
  std::vector<std::int64_t> widths;  // of a rank's share
  std::int64_t narrow = 0, wide = 0;
};

HeadGroups head_groups(const RankContext& rank, const Communication& c, std::int64_t tokens) {
  const RowWidths w = row_widths(rank);  // of a share of the heads
  const std::int64_t ranks = rank.plan.cp;
  HeadGroups groups;
  const bool outputs = c.elements == tokens * ranks * w.queries;
  groups.widths = outputs ? std::vector{w.queries} : std::vector{w.queries, w.keys, w.values};
  for (const std::int64_t width : groups.widths) groups.narrow += width;
  groups.wide = groups.narrow * ranks;
  return groups;
}

// Where `rows` neighbouring positions of one rank's share lie: in a message, beside all heads, among all positions.
struct HeadRows {
  std::int64_t rows, width, in_message, in_wide, in_narrow;
};

template <class Move>
void for_each_share(const RankContext& rank, const HeadGroups& groups, std::int64_t tokens, Move move) {
  for (std::int64_t of = 0; of < rank.plan.cp; ++of) {
    std::int64_t row = 0, row_of_all = 0;  // of this rank's positions, and of all
    for (const SequenceRun& run : rank.sequences()) {
      for (std::int64_t i = 0; i < run.count; ++i) {
        std::int64_t in_message = (of * tokens + row) * groups.narrow, in_wide = row * groups.wide,
                     in_narrow = (row_of_all + of * run.queries) * groups.narrow;
        for (const std::int64_t width : groups.widths) {
          move(HeadRows{run.queries, width, in_message, in_wide + of * width, in_narrow});
          in_message += width;
          in_wide += rank.plan.cp * width;
          in_narrow += width;
        }
        row += run.queries;
        row_of_all += run.length;
      }
    }
  }
}

}  // namespace

template <class T>
void AttentionExchanges<T>::exchange_heads(KernelContext<T>& k, const Communication& c, Communicator& among) {
  const std::int64_t n = k.rank.plan.cp, tokens = attention_rows(k.rank) / n;
  const HeadGroups groups = head_groups(k.rank, c, tokens);
  const std::int64_t each = tokens * groups.narrow;  // elements for one rank
  const std::span<T> from = k.read(0), to = k.written(0), sent = k.rank.workspace.template take<T>(n * each),
                     come = k.rank.workspace.template take<T>(n * each);
  for_each_share(k.rank, groups, tokens, [&](const HeadRows& r) {
    const Matrix<const T> rows{from.data() + (c.home ? r.in_narrow : r.in_wide), c.home ? groups.narrow : groups.wide};
    copy_rows<T>(k.rank.backend, r.rows, r.width, rows, {sent.data() + r.in_message, groups.narrow});
  });
  const std::vector<std::int64_t> counts(static_cast<std::size_t>(n), each);
  among.all_to_all(Elements(sent), counts, Elements(come), counts);
  for_each_share(k.rank, groups, tokens, [&](const HeadRows& r) {
    const Matrix<T> rows{to.data() + (c.home ? r.in_wide : r.in_narrow), c.home ? groups.wide : groups.narrow};
    copy_rows<T>(k.rank.backend, r.rows, r.width, {come.data() + r.in_message, groups.narrow}, rows);
  });
}

#define FORERUN_ATTENTION_EXCHANGES(T) template struct AttentionExchanges<T>;
FORERUN_FOR_EACH_NUMBER(FORERUN_ATTENTION_EXCHANGES)

}  // namespace forerun
