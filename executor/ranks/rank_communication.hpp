// RankExecutor: what ranks say to each other.
#pragma once

#include <algorithm>
#include <functional>
#include <set>
#include <stdexcept>
#include <tuple>

#include "executor/ranks/rank_attention.hpp"
#include "strategies/plan/chunks.hpp"
#include "strategies/plan/rank_grid.hpp"
#include "strategies/programs/steps/roles.hpp"
#include "strategies/programs/work_price.hpp"

namespace forerun {

// A group of its own for each kind and lane that the program names, in the same order on all ranks.
template <class T>
void RankExecutor<T>::make_groups() {
  std::set<std::pair<GroupKind, Lane>> named;
  for (const StageProgram& stage : program_.stages) {
    for (const Work& work : stage.works) {
      if (const Communication* c = std::get_if<Communication>(&work); c != nullptr && c->group != GroupKind::next_stage)
        named.insert({c->group, lane_of(c->flow)});
    }
  }
  for (const auto& key : named) {
    if (const std::vector<int> list = RankGrid(plan_).members(key.first, rank_); !list.empty())
      groups_[key] = tensors_talk_.group(list);
  }
  if (plan_.ep > 1) rows_told_ = world_.group(RankGrid(plan_).members(GroupKind::ep, rank_));
  if (plan_.etp > 1) rows_told_on_ = world_.group(RankGrid(plan_).members(GroupKind::etp, rank_));
  if (plan_.pp == 1) return;
  for (const Lane lane : {Lane::pp_forward, Lane::pp_backward}) {
    for (int chunk = 0; chunk < chunks_per_stage(plan_); ++chunk) {
      for (const bool to_later : {false, true}) {
        const auto own_lane = static_cast<int>(lane_count + neighbours_.size());
        neighbours_[{lane, chunk, to_later}] = {
            .among = tensors_talk_.group(RankGrid(plan_).members(GroupKind::next_stage, rank_)), .lane = own_lane};
      }
    }
  }
  for (const auto& [key, one] : neighbours_) greet(one);
}

template <class T>
Communicator& RankExecutor<T>::group(GroupKind kind, Lane lane) {
  return *groups_.at({kind, lane});
}
template <class T>
void RankExecutor<T>::count(Flow flow, const CommunicationCounts& before, const CommunicationCounts& after) {
  const std::scoped_lock lock(traffic_mutex_);
  for (std::size_t i = 0; i < communication_kinds; ++i) {
    report_.traffic[flow].api += Bytes{static_cast<double>(after[i].api_bytes - before[i].api_bytes)};
    report_.traffic[flow].wire += Bytes{static_cast<double>(after[i].wire_bytes - before[i].wire_bytes)};
  }
}

// Replicas talk beside computation where the Program lets them; the rest stops it: it shares the workspace.
template <class T>
void RankExecutor<T>::communicate(const Instruction& in, const Communication& c) {
  Seconds* const stops = exposed(dimension_of(c.flow));
  if (c.group == GroupKind::next_stage) return timed(in.lane, true, {stops}, [&] { send(c); });
  Communicator& among = group(c.group, in.lane);
  const auto counted = [this, flow = c.flow, &among](const auto& work) {
    const CommunicationCounts before = among.counts();
    work();
    count(flow, before, among.counts());
  };
  if (!c.units || in.lane != Lane::dp)
    return timed(in.lane, true, {stops}, [&] { counted([&] { exchange(c, among); }); });
  std::function<void()> work = exchange_replicas(c, among);
  const bool can_run_beside = among.queues() || !backend_.queues();
  if (c.hidden == 0 || !options_.background || !can_run_beside)
    return timed(in.lane, true, {stops}, [&] { counted(work); });
  if (among.queues()) {
    issued_[in.token] = {.stops = stops, .work = beside(static_cast<int>(in.lane), in.lane, [&] { counted(work); })};
    return;
  }
  if (!replicas_talk_) replicas_talk_ = std::make_unique<LaneWorker>(world_);
  auto one = std::make_shared<Timed>(timed_from_here(in.lane, false, {}));
  const std::uint64_t number = replicas_talk_->issue([this, counted, one, work = std::move(work), here = where()] {
    one->begin = backend_.mark();
    try {
      counted(work);
    } catch (const std::exception& error) {  // computation is at another instruction meanwhile
      throw std::runtime_error(here + ": " + error.what());
    }
    one->end = backend_.mark();
  });
  issued_[in.token] = {stops, number, one};
}

template <class T>
void RankExecutor<T>::exchange(const Communication& c, Communicator& among) {
  switch (c.flow) {
    case Flow::tp_all_reduce:
      return c.units ? sum_replicated(c, among) : exchange_activations(c, among);
    case Flow::tp_all_gather:
    case Flow::tp_reduce_scatter:
      return exchange_activations(c, among);
    case Flow::cp_all_gather:
      return gather_keys(among);
    case Flow::cp_reduce_scatter:
      return scatter_key_gradients(among);
    case Flow::cp_send:
      return pass_keys_on(c, among);
    case Flow::cp_all_to_all:
      return exchange_heads(c, among);
    case Flow::ep_all_to_all:
      return exchange_rows(c, among);
    case Flow::ep_all_gather:
    case Flow::ep_reduce_scatter:
      return share_rows(c, among);
    case Flow::pp_all_reduce:
      return c.group == GroupKind::mirror ? sum_mirrored(c, among) : sum_ends(c, among);
    default:
      throw std::logic_error("the executor has no " + std::string(name_of(c.flow)) + " of this kind");
  }
}

// --- activations, cut by rows ----------------------------------------------------------------------------------------

template <class T>
void RankExecutor<T>::exchange_activations(const Communication& c, Communicator& among) {
  const std::size_t to = writes_ > 0 ? reads_ : 0;  // the operand
  if (c.flow == Flow::tp_all_reduce) return among.all_reduce(Elements(read(0)), Reduction::sum);
  if (c.flow == Flow::tp_reduce_scatter)
    return among.reduce_scatter(Elements(read(0)), Elements(written(0)), Reduction::sum);
  const std::span<std::byte> whole = tensor<std::byte>(operands_[to]), part = read<std::byte>(0);
  const bool in_place = whole.data() == part.data();
  const std::size_t each = whole.size() / static_cast<std::size_t>(among.size());
  among.all_gather(Elements(in_place ? whole.subspan(static_cast<std::size_t>(among.rank()) * each, each) : part),
                   Elements(whole));
}

// --- keys and values -------------------------------------------------------------------------------------------------

// Reads queries, keys and values; writes the keys and values of all ranks, one's after the other's.
template <class T>
void RankExecutor<T>::gather_keys(Communicator& among) {
  const AttentionShape s = attention_shape();
  const std::int64_t rows = s.sequences * s.keys, width = key_width();
  const std::span<T> all = written(0), own = all.subspan(static_cast<std::size_t>(among.rank() * rows * width),
                                                         static_cast<std::size_t>(rows * width));
  copy_rows<T>(backend_, rows, width, {read(0).data() + executor_detail::query_width(s), executor_detail::row_of(s)},
               {own.data(), width});
  among.all_gather(Elements(own), Elements(all));
}

// Reads the gradients of all keys and values; this rank's are added to those of its queries, keys and values.
template <class T>
void RankExecutor<T>::scatter_key_gradients(Communicator& among) {
  const AttentionShape s = attention_shape();
  const std::int64_t rows = s.sequences * s.keys, width = key_width(), row = executor_detail::row_of(s);
  const std::span<T> all = read(0), own = all.subspan(static_cast<std::size_t>(among.rank() * rows * width),
                                                      static_cast<std::size_t>(rows * width));
  among.reduce_scatter(Elements(all), Elements(own), Reduction::sum);
  on_.add_rows_of(rows, width, {own.data(), width}, {written(0).data() + executor_detail::query_width(s), row});
}

// To the next rank of the ring, and from the one before. The first time they are still beside their queries.
template <class T>
void RankExecutor<T>::pass_keys_on(const Communication& c, Communicator& among) {
  std::span<T> from = read(0);
  const std::span<T> to = written(0);
  if (std::ssize(from) != c.elements) {
    const AttentionShape s = attention_shape();
    const std::span<T> packed = scratch<T>(c.elements);
    copy_rows<T>(backend_, s.sequences * s.keys, key_width(),
                 {from.data() + executor_detail::query_width(s), executor_detail::row_of(s)},
                 {packed.data(), key_width()});
    from = packed;
  }
  if (from.data() == to.data() && among.queues()) {  // what is sent is still read while what comes is written
    const std::span<T> apart = scratch<T>(c.elements);
    copy<T>(backend_, from, apart);
    from = apart;
  }
  const int n = among.size();
  among.shift((among.rank() + 1) % n, Elements(from), (among.rank() + n - 1) % n, Elements(to));
}

// Ulysses: from a share of the positions with all heads to all positions with a share of the heads, or home. Rows hold
// queries, keys and values, or outputs: each group of heads is cut alike.
template <class T>
void RankExecutor<T>::exchange_heads(const Communication& c, Communicator& among) {
  const AttentionShape s = attention_shape();
  const std::int64_t n = plan_.cp, share = s.queries / n, tokens = s.sequences * share, hd = s.head_dim;
  const bool outputs = c.elements == tokens * n * executor_detail::query_width(s);
  const std::vector<std::int64_t> groups =
      outputs ? std::vector<std::int64_t>{s.heads * hd}
              : std::vector<std::int64_t>{s.heads * hd, s.kv_heads * hd, s.kv_heads * hd};  // a share's
  std::int64_t narrow = 0;
  for (const std::int64_t width : groups) narrow += width;
  const std::int64_t wide = narrow * n, each = tokens * narrow;  // each: elements for one rank
  const std::span<T> from = read(0), to = written(0), sent = scratch<T>(n * each), come = scratch<T>(n * each);
  // Rows of a share of the positions, in a message (narrow), with all heads (wide), or among all positions (narrow):
  // visit(message, all heads, all positions, width).
  const auto visit = [&](auto move) {
    for (std::int64_t rank = 0; rank < n; ++rank) {
      for (std::int64_t q = 0; q < s.sequences; ++q) {
        std::int64_t in_message = rank * each + q * share * narrow, in_wide = q * share * wide,
                     in_narrow = (q * s.queries + rank * share) * narrow;
        for (const std::int64_t width : groups) {
          move(in_message, in_wide + rank * width, in_narrow, width);
          in_message += width, in_wide += n * width, in_narrow += width;
        }
      }
    }
  };
  visit([&](std::int64_t message, std::int64_t all_heads, std::int64_t all_positions, std::int64_t width) {
    const Matrix<const T> rows{from.data() + (c.home ? all_positions : all_heads), c.home ? narrow : wide};
    copy_rows<T>(backend_, share, width, rows, {sent.data() + message, narrow});
  });
  const std::vector<std::int64_t> counts(static_cast<std::size_t>(n), each);
  among.all_to_all(Elements(sent), counts, Elements(come), counts);
  visit([&](std::int64_t message, std::int64_t all_heads, std::int64_t all_positions, std::int64_t width) {
    const Matrix<T> rows{to.data() + (c.home ? all_heads : all_positions), c.home ? wide : narrow};
    copy_rows<T>(backend_, share, width, {come.data() + message, narrow}, rows);
  });
}

// --- rows of experts -------------------------------------------------------------------------------------------------

template <class T>
void RankExecutor<T>::exchange_rows(const Communication& c, Communicator& among) {
  const Routed& r = routed();
  const auto elements = [&](const std::vector<std::int64_t>& rows) {
    std::vector<std::int64_t> list = rows;
    for (std::int64_t& n : list) n *= scenario_.given.model.hidden;
    return list;
  };
  const std::vector<std::int64_t> away = elements(r.send), here = elements(r.receive);
  among.all_to_all(Elements(read(0)), c.home ? here : away, Elements(written(0)), c.home ? away : here);
}

// Ranks that share experts compute all rows that one of them received, one's after the other's, with a part of the
// columns each: rows are gathered, and sums of the parts scattered. Where the router sent them unequally many, each
// sends its own to all.
template <class T>
void RankExecutor<T>::share_rows(const Communication& c, Communicator& among) {
  const bool gathers = c.flow == Flow::ep_all_gather;
  const std::span<T> from = read(0), to = written(0);
  std::vector<std::int64_t> rows = routed().peers;
  if (std::ranges::adjacent_find(rows, std::not_equal_to()) == rows.end()) {
    return gathers ? among.all_gather(Elements(from), Elements(to))
                   : among.reduce_scatter(Elements(from), Elements(to), Reduction::sum);
  }
  for (std::int64_t& n : rows) n *= scenario_.given.model.hidden;
  const std::span<T> one = gathers ? from : to;  // this rank's
  const std::vector<std::int64_t> own(rows.size(), std::ssize(one));
  const Allocation memory =
      uncounted_.allocate("rows for each", std::ssize(own) * std::ssize(one) * static_cast<std::int64_t>(sizeof(T)));
  const std::span<T> copies = memory.as<T>();
  const auto copy_for = [&](std::size_t rank) { return copies.subspan(rank * one.size(), one.size()); };
  if (gathers) {
    for (std::size_t rank = 0; rank < own.size(); ++rank) copy<T>(backend_, one, copy_for(rank));
    return among.all_to_all(Elements(copies), own, Elements(to), rows);
  }
  among.all_to_all(Elements(from), rows, Elements(copies), own);
  clear(backend_, to);
  for (std::size_t rank = 0; rank < own.size(); ++rank) on_.add(to, copy_for(rank), to);
}

// --- weights and their gradients -------------------------------------------------------------------------------------

template <class T>
std::function<void()> RankExecutor<T>::exchange_replicas(const Communication& c, Communicator& among) {
  const bool between_groups = c.group == GroupKind::replica || c.group == GroupKind::expert_replica;
  const auto unit = static_cast<std::size_t>(c.units->first), held = holder(unit, c.share);
  const WeightPiece& piece =
      weights_.piece(static_cast<int>(held), held == unit ? c.units->last : static_cast<int>(held), c.share);
  const auto own_of = [&piece](auto whole) {
    return whole.subspan(static_cast<std::size_t>(piece.own.first), static_cast<std::size_t>(piece.own.count));
  };
  if (c.flow == Flow::dp_all_gather) {
    const std::span<T> whole = plan_.zero == 3 ? part<T>(*stage_.units[unit].gathered, unit, c.share)
                                               : weights_.whole_parameters(piece),
                       own = weights_.own_parameters(piece);
    return [&among, own, whole] { among.all_gather(Elements(own), Elements(whole)); };
  }
  const std::span<A> whole =
      plan_.zero >= 2 ? part<A>(*stage_.units[unit].gradients, unit, c.share) : weights_.whole_gradients(piece);
  if (plan_.zero == 0) return [&among, whole] { among.all_reduce(Elements(whole), Reduction::sum); };
  const std::span<A> share = own_of(whole);
  const bool adds =
      plan_.zero >= 2 &&
      (between_groups || plan_.sharding_group == 0 ||
       RankGrid(plan_).size(c.share == Share::experts ? GroupKind::expert_replica : GroupKind::replica) == 1);
  const std::span<A> kept = adds ? weights_.own_gradients(piece) : std::span<A>{};
  return [this, &among, whole, share, kept, between_groups] {
    if (between_groups) {
      among.all_reduce(Elements(share), Reduction::sum);
    } else {
      among.reduce_scatter(Elements(whole), Elements(share), Reduction::sum);
    }
    if (!kept.empty()) on_.add_sums(kept, share, kept);
  };
}

// Sums what `each` visits, in memory of its own: each(visit) calls visit(elements, those that are here, the first of
// them).
template <class T>
template <class Pack>
void RankExecutor<T>::sum_packed(const Communication& c, Communicator& among, std::span<A> packed, Pack each) {
  clear(backend_, packed);
  std::size_t at = 0;
  each([&](std::int64_t elements, std::span<A> held, std::int64_t first) {
    copy<A>(backend_, held, packed.subspan(at + static_cast<std::size_t>(first), held.size()));
    at += static_cast<std::size_t>(elements);
  });
  if (static_cast<std::int64_t>(at) != c.elements)
    throw std::logic_error("the Program sums another number of gradients than there are");
  among.all_reduce(Elements(packed), Reduction::sum);
  at = 0;
  each([&](std::int64_t elements, std::span<A> held, std::int64_t first) {
    copy<A>(backend_, packed.subspan(at + static_cast<std::size_t>(first), held.size()), held);
    at += static_cast<std::size_t>(elements);
  });
}

// Norms and routers under sequence parallelism: each rank of a tensor group saw other tokens. Of what ZeRO keeps on
// other ranks, nothing is held.
template <class T>
void RankExecutor<T>::sum_replicated(const Communication& c, Communicator& among) {
  sum_packed(c, among, scratch<A>(c.elements), [&](auto visit) {
    for (std::size_t u = 0; u < stage_.units.size(); ++u) {
      for (const Weight& w : weights_.weights(u)) {
        if (!w.replicated) continue;
        if (plan_.zero < 2) {
          visit(w.count,
                weights_.gradients(u, false).subspan(static_cast<std::size_t>(w.first),
                                                     static_cast<std::size_t>(w.count)),
                0);
          continue;
        }
        const WeightPiece& piece = weights_.piece(static_cast<int>(u), static_cast<int>(u), Share::dense);
        const std::int64_t own = weights_.place(u, Share::dense).first + piece.own.first;  // in the unit
        const std::int64_t first = std::max(w.first, own), last = std::min(w.first + w.count, own + piece.own.count);
        if (first >= last) {
          visit(w.count, std::span<A>{}, 0);
        } else {
          visit(w.count,
                weights_.own_gradients(piece).subspan(static_cast<std::size_t>(first - own),
                                                      static_cast<std::size_t>(last - first)),
                first - w.first);
        }
      }
    }
  });
}

// DualPipe: the other copies of this stage's chunks saw the other half of the micro-batches. What this rank keeps, in
// the order of the layers on both stages.
template <class T>
void RankExecutor<T>::sum_mirrored(const Communication& c, Communicator& among) {
  std::vector<WeightPiece> pieces = weights_.pieces();
  std::ranges::sort(pieces, {}, [&](const WeightPiece& p) {
    return std::tuple(p.share, chunk_on(plan_, pp_rank_, stage_.units[static_cast<std::size_t>(p.first_unit)].chunk),
                      p.first_unit);
  });
  // Too much for the workspace: unit by unit would be other messages than the Program's, so it is packed where nothing
  // is counted twice.
  const Allocation memory = uncounted_.allocate("packed gradients", c.elements * static_cast<std::int64_t>(sizeof(A)));
  sum_packed(c, among, memory.as<A>(), [&](auto visit) {
    for (const WeightPiece& piece : pieces) visit(piece.largest, weights_.own_gradients(piece), 0);
  });
}

// A tied table of which the first and the last stage hold a copy each: all of its gradients, or of those that ZeRO
// keeps elsewhere nothing.
template <class T>
void RankExecutor<T>::sum_ends(const Communication& c, Communicator& among) {
  const auto found = std::ranges::find_if(stage_.units, [](const Unit& unit) { return unit.table > 0; });
  const auto unit = static_cast<std::size_t>(found - stage_.units.begin());
  const auto number = static_cast<int>(unit);
  std::span<A> held;
  if (plan_.zero >= 2) {
    held = weights_.own_gradients(weights_.piece(number, number, Share::table));
  } else {
    const Weight& table = *std::ranges::find(weights_.weights(unit), WeightKind::table, &Weight::kind);
    held = weights_.gradients(unit, false)
               .subspan(static_cast<std::size_t>(table.first), static_cast<std::size_t>(table.count));
  }
  if (std::ssize(held) == c.elements) return among.all_reduce(Elements(held), Reduction::sum);
  const Allocation memory = uncounted_.allocate(
      "packed gradients", c.elements * static_cast<std::int64_t>(sizeof(A)));  // the smaller ones of unequal shards
  sum_packed(c, among, memory.as<A>(), [&](auto visit) { visit(c.elements, held, 0); });
}

}  // namespace forerun
