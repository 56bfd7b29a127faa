// RankExecutor: attention, over all keys at once or over those of one rank after the other.
#pragma once

#include <algorithm>
#include <limits>

#include "executor/ranks/rank_executor.hpp"

namespace forerun {

template <class T>
AttentionShape RankExecutor<T>::attention_shape() const {
  const Attention& a = *scenario_.given.model.blocks[static_cast<std::size_t>(stage_.units[unit_].layer)].attention();
  const bool heads_cut = plan_.cp > 1 && plan_.cp_kind == CpKind::ulysses;
  const int cuts = plan_.tp * (heads_cut ? plan_.cp : 1);
  const std::int64_t positions = scenario_.given.job.sequence / (heads_cut ? 1 : plan_.cp);
  return {.sequences = plan_.micro_batch,
          .queries = positions,
          .keys = positions,
          .heads = a.heads / cuts,
          .kv_heads = a.kv_heads / cuts,
          .head_dim = a.head_dim,
          .value_dim = a.head_dim,
          .window = a.window.value_or(0)};
}

template <class T>
std::int64_t RankExecutor<T>::key_width() const {
  const AttentionShape s = attention_shape();
  return std::int64_t{2} * s.kv_heads * s.head_dim;
}

namespace executor_detail {

// Rows of queries, keys and values.
inline std::int64_t row_of(const AttentionShape& s) { return (std::int64_t{s.heads} + 2 * s.kv_heads) * s.head_dim; }
inline std::int64_t query_width(const AttentionShape& s) { return std::int64_t{s.heads} * s.head_dim; }

inline std::vector<std::int32_t> all_positions(std::int64_t n) {
  std::vector<std::int32_t> list(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < list.size(); ++i) list[i] = static_cast<std::int32_t>(i);
  return list;
}

}  // namespace executor_detail

// Queries of this rank, keys of `owner`.
template <class T>
AttentionInput<T> RankExecutor<T>::attention_input(std::span<const T> qkv, Keys<const T> keys, int owner) {
  const AttentionShape s = attention_shape();
  const bool heads_cut = plan_.cp > 1 && plan_.cp_kind == CpKind::ulysses;
  query_positions_ = heads_cut ? executor_detail::all_positions(s.queries) : positions_of(cp_rank_);
  key_positions_ = heads_cut ? query_positions_ : positions_of(owner);
  return {.q = {qkv.data(), executor_detail::row_of(s)},
          .k = {keys.data, keys.stride},
          .v = {keys.data + std::int64_t{s.kv_heads} * s.head_dim, keys.stride},
          .query_positions = query_positions_,
          .key_positions = key_positions_};
}

// The running result of pieces: in the workspace until the last of them.
template <class T>
void RankExecutor<T>::start_sum() {
  const AttentionShape s = attention_shape();
  const std::int64_t rows = s.sequences * s.queries;
  ring_sum_ = scratch<A>(rows * executor_detail::query_width(s));
  ring_log_sum_exp_ = scratch<A>(rows * s.heads);
  scratch_kept_ = scratch_used_;
  clear(backend_, ring_sum_);
  on_.fill_sums(-std::numeric_limits<A>::infinity(), ring_log_sum_exp_);
}

template <class T>
void RankExecutor<T>::finish_sum() {
  if (writes_ > 0) {
    on_.narrow(ring_sum_, written(0));
    copy<A>(backend_, ring_log_sum_exp_, written<A>(1));
  }
  scratch_kept_ = scratch_base_;
}

template <class T>
void RankExecutor<T>::attend_piece(std::span<const T> qkv, Keys<const T> keys, int owner) {
  const AttentionShape s = attention_shape();
  const std::span<T> out = scratch<T>(std::ssize(ring_sum_));
  const std::span<A> log_sum_exp = scratch<A>(std::ssize(ring_log_sum_exp_));
  const Matrix<T> result{out.data(), executor_detail::query_width(s)};
  on_.attention_forward(s, attention_input(qkv, keys, owner), result, log_sum_exp,
                        scratch<A>(on_.attention_scratch(s)));
  on_.merge_attention(s, result, log_sum_exp, ring_sum_, ring_log_sum_exp_);
}

// Reads queries, keys and values, and the keys and values of others: all of them, or those that came last. Writes the
// output and log-sum-exp.
template <class T>
void RankExecutor<T>::attend(const Computation& c) {
  const AttentionShape s = attention_shape();
  const std::span<T> qkv = read(0);
  const Keys<const T> own{qkv.data() + executor_detail::query_width(s), executor_detail::row_of(s)};
  if (is<JoinPieces>(c)) return finish_sum();
  if (const RingPiece* piece = std::get_if<RingPiece>(&c.extent)) {
    if (piece->steps_back > 0) return attend_piece(qkv, {read(1).data(), key_width()}, owner_of(piece->steps_back));
    start_sum();
    return attend_piece(qkv, own, cp_rank_);
  }
  if (reads_ > 1) {  // all gathered
    start_sum();
    const std::int64_t each = s.sequences * s.keys * key_width();
    for (int owner = 0; owner < plan_.cp; ++owner) {
      const std::int64_t used = scratch_used_;
      attend_piece(qkv, {read(1).data() + owner * each, key_width()}, owner);
      scratch_used_ = used;
    }
    return finish_sum();
  }
  const Matrix<T> out{written(0).data(), executor_detail::query_width(s)};
  on_.attention_forward(s, attention_input(qkv, own, cp_rank_), out, written<A>(1),
                        scratch<A>(on_.attention_scratch(s)));
}

// --- backward: reads the gradient of the output, queries with keys and values, the output, log-sum-exp, and what
// forward reads besides ----------------------

// The gradients of keys and values are added to what is there.
template <class T>
void RankExecutor<T>::attend_piece_back(Keys<const T> keys, int owner, Keys<T> dkeys) {
  const AttentionShape s = attention_shape();
  const std::int64_t width = executor_detail::query_width(s), values = std::int64_t{s.kv_heads} * s.head_dim;
  const std::span<T> dout = read(0), qkv = read(1), out = read(2);
  on_.attention_backward(s, attention_input(qkv, keys, owner), {out.data(), width}, read<A>(3), {dout.data(), width},
                         {ring_gradients_.data(), executor_detail::row_of(s)}, {dkeys.data, dkeys.stride},
                         {dkeys.data + values, dkeys.stride}, scratch<A>(on_.attention_scratch(s)));
}

template <class T>
void RankExecutor<T>::attend_back(const Computation& c) {
  const AttentionShape s = attention_shape();
  const std::int64_t row = executor_detail::row_of(s), queries = executor_detail::query_width(s);
  const std::span<T> qkv = read(1);
  const Keys<const T> own{qkv.data() + queries, row};
  const RingPiece* piece = std::get_if<RingPiece>(&c.extent);
  if (is<WholeOperator>(c) || (piece != nullptr && piece->steps_back == 0)) {
    ring_gradients_ = written(0);
    clear(backend_, ring_gradients_);
  }
  const Keys<T> own_gradients{ring_gradients_.data() + queries, row};
  if (piece != nullptr && piece->steps_back > 0) {
    const std::span<T> gradients = written(0);
    clear(backend_, gradients);
    return attend_piece_back({read(4).data(), key_width()}, owner_of(piece->steps_back),
                             {gradients.data(), key_width()});
  }
  if (is<JoinPieces>(c)) {  // what the others made of this rank's keys came home
    return on_.add_rows_of(std::ssize(qkv) / row, key_width(), {read(4).data(), key_width()},
                           {own_gradients.data, row});
  }
  if (piece == nullptr && reads_ > 4) {  // all gathered
    const std::int64_t each = s.sequences * s.keys * key_width();
    const std::span<T> all = written(1);
    clear(backend_, all);
    for (int owner = 0; owner < plan_.cp; ++owner) {
      const std::int64_t used = scratch_used_;
      attend_piece_back({read(4).data() + owner * each, key_width()}, owner, {all.data() + owner * each, key_width()});
      scratch_used_ = used;
    }
    return;
  }
  attend_piece_back(own, cp_rank_, own_gradients);
}

}  // namespace forerun
