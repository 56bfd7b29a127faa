#include "executor/ranks/numbers/flat_weights.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <stdexcept>

#include "executor/ranks/rank_report.hpp"
#include "runtime/cpu/instantiate.hpp"
#include "strategies/programs/held_memory.hpp"

namespace forerun {
namespace {

template <class U>
std::span<U> part_of(std::span<U> all, std::int64_t first, std::int64_t count) {
  return all.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
}

}  // namespace

// Dense weights first, then experts: neighbours in a piece are neighbours in memory.
template <class T>
FlatWeights<T>::FlatWeights(RankContext& rank)
    : rank_(rank),
      zero_(zero_in_step(rank.plan)),
      trains_(rank.program.step == StepKind::training),
      units_(rank.stage.units) {
  for (const Unit& unit : units_) {
    const std::vector<Weight>& list = weights_.emplace_back(weights_of(rank.given, rank.plan, unit, rank.rank));
    std::int64_t dense = 0, experts = 0;
    for (const Weight& w : list) (w.of_experts() ? experts : dense) += w.count;
    if (dense != unit.parameters || experts != unit.expert_parameters)
      throw std::logic_error("the weights of layer " + std::to_string(unit.layer) + " are not those of the Program");
  }
  for (const bool experts : {false, true}) {
    for (std::size_t u = 0; u < units_.size(); ++u) {
      (experts ? experts_at_ : dense_at_).push_back(all_);
      all_ += elements(u, experts);
    }
  }
  cut();
  allocate(rank.memory);
  if (!trains_) return;
  clear(rank.backend, moments_.as<A>());
  clear_gradients();
}

template <class T>
void FlatWeights<T>::allocate(Allocator& memory) {
  const auto take = [&](std::string_view name, Bytes StageMemory::* category, std::int64_t count, std::size_t size) {
    return memory.allocate(name, count * static_cast<std::int64_t>(size), tag_of(category));
  };
  parameters_ = take("parameters", &StageMemory::parameters, zero_ == 3 ? own_ : all_, sizeof(T));
  if (!trains_) return;
  gradients_ = take("gradients", &StageMemory::gradients, zero_ >= 2 ? own_ : all_, sizeof(A));
  if (sizeof(A) > sizeof(T)) master_ = take("master weights", &StageMemory::optimizer, own_, sizeof(A));
  moments_ = take("moments", &StageMemory::optimizer, 2 * own_, sizeof(A));
}

// A table is the first or the last of its unit's dense weights.
template <class T>
Slice FlatWeights<T>::place(std::size_t unit, Share share) const {
  const Unit& u = units_[unit];
  if (share == Share::experts) return {u.parameters, u.expert_parameters};
  const std::int64_t apart = table_apart(rank_.plan) ? u.table : 0;
  const auto table = std::ranges::find(weights_[unit], WeightKind::table, &Weight::kind);
  const std::int64_t first = table == weights_[unit].end() ? 0 : table->first;
  if (share == Share::table) return {first, apart};
  return {first == 0 ? apart : 0, u.parameters - apart};
}

template <class T>
void FlatWeights<T>::add_piece(UnitRange units, Share share) {
  WeightPiece piece{.units = units, .share = share};
  for (int u = units.first; u <= units.last; ++u) piece.elements += place(static_cast<std::size_t>(u), share).count;
  const auto unit = static_cast<std::size_t>(units.first);
  const bool experts = share == Share::experts;
  piece.whole_at = at(unit, experts) + (experts ? 0 : place(unit, share).first);
  const GroupKind group = rank_.grid.shard_group(experts);
  const std::int64_t shards = zero_ >= 1 ? rank_.grid.size(group) : 1,
                     index = zero_ >= 1 ? rank_.grid.place(group, rank_.rank) : 0;
  piece.own = shard_of(piece.elements, shards, index);
  piece.largest = shard_sizes(piece.elements, shards).largest;
  piece.own_at = own_;
  own_ += piece.own.count;
  number_[{units, share}] = pieces_.size();
  pieces_.push_back(piece);
}

// As the Program names them; what it never names (a single replica) is one piece a unit.
template <class T>
void FlatWeights<T>::cut() {
  std::array<std::vector<bool>, all_shares.size()> named;
  named.fill(std::vector<bool>(units_.size()));
  const auto add = [&](UnitRange units, Share share) {
    add_piece(units, share);
    for (int u = units.first; u <= units.last; ++u)
      named[static_cast<std::size_t>(share)][static_cast<std::size_t>(u)] = true;
  };
  for (const Work& work : rank_.stage.works) {
    const Communication* c = std::get_if<Communication>(&work);
    if (c == nullptr || !c->units || lane_of(c->flow) != Lane::dp) continue;
    const bool of_embedding =
        c->share == Share::table && units_[static_cast<std::size_t>(c->units->first)].borrowed > 0;
    if (!of_embedding && !number_.contains({*c->units, c->share})) add(*c->units, c->share);
  }
  for (const Share share : all_shares) {
    for (std::size_t u = 0; u < units_.size(); ++u) {
      const auto one = static_cast<int>(u);
      if (place(u, share).count > 0 && !named[static_cast<std::size_t>(share)][u]) add({one, one}, share);
    }
  }
}

template <class T>
void FlatWeights<T>::set_first_values(std::uint64_t seed) {
  std::vector<T> values;
  for (std::size_t u = 0; u < units_.size(); ++u) {
    for (const bool experts : {false, true}) {
      values.resize(static_cast<std::size_t>(elements(u, experts)));
      for (const Weight& w : weights_[u]) {
        if (w.of_experts() == experts)
          first_values<T>(seed, units_[u].layer, w, part_of(std::span(values), w.first, w.count));
      }
      set_unit(u, experts, values);
    }
  }
}

// Where the unit lies whole, and this rank's shares of it.
template <class T>
void FlatWeights<T>::set_unit(std::size_t unit, bool experts, std::span<const T> values) {
  Backend& backend = rank_.backend;
  const std::int64_t first_of_unit = at(unit, experts), end_of_unit = first_of_unit + std::ssize(values);
  if (zero_ < 3) put<T>(backend, values, part_of(parameters_.as<T>(), first_of_unit, std::ssize(values)));
  for (const WeightPiece& piece : pieces_) {
    if ((piece.share == Share::experts) != experts) continue;
    const std::int64_t own_begin = piece.whole_at + piece.own.first, own_end = own_begin + piece.own.count;
    const std::int64_t first = std::max(first_of_unit, own_begin), last = std::min(end_of_unit, own_end);
    if (first >= last) continue;
    const std::int64_t to = piece.own_at + first - own_begin;
    const std::span<const T> own = part_of(values, first - first_of_unit, last - first);
    if (zero_ == 3) put<T>(backend, own, part_of(parameters_.as<T>(), to, std::ssize(own)));
    if (master_) put<A>(backend, std::vector<A>(own.begin(), own.end()), part_of(master_.as<A>(), to, std::ssize(own)));
  }
}

template <class T>
std::span<T> FlatWeights<T>::parameters(std::size_t unit, bool experts) {
  assert(zero_ < 3);
  return part_of(parameters_.as<T>(), at(unit, experts), elements(unit, experts));
}

template <class T>
std::span<Arithmetic<T>> FlatWeights<T>::gradients(std::size_t unit, bool experts) {
  assert(zero_ < 2);
  return part_of(gradients_.as<A>(), at(unit, experts), elements(unit, experts));
}

template <class T>
const WeightPiece& FlatWeights<T>::piece(UnitRange units, Share share) const {
  const auto found = number_.find({units, share});
  if (found == number_.end())
    throw std::logic_error("units " + std::to_string(units.first) + " to " + std::to_string(units.last) +
                           " are no piece of the weights");
  return pieces_[found->second];
}

template <class T>
std::span<T> FlatWeights<T>::whole_parameters(const WeightPiece& p) {
  return part_of(parameters_.as<T>(), p.whole_at, p.elements);
}

template <class T>
std::span<Arithmetic<T>> FlatWeights<T>::whole_gradients(const WeightPiece& p) {
  return part_of(gradients_.as<A>(), p.whole_at, p.elements);
}

template <class T>
std::span<T> FlatWeights<T>::own_parameters(const WeightPiece& p) {
  return part_of(parameters_.as<T>(), zero_ == 3 ? p.own_at : p.whole_at + p.own.first, p.own.count);
}

template <class T>
std::span<Arithmetic<T>> FlatWeights<T>::own_gradients(const WeightPiece& p) {
  return part_of(gradients_.as<A>(), zero_ >= 2 ? p.own_at : p.whole_at + p.own.first, p.own.count);
}

template <class T>
void FlatWeights<T>::update(const AdamW& how, std::int64_t step) {
  Operators<T>& on = rank_.backend.operators<T>();
  for (const WeightPiece& p : pieces_) {
    const std::span<A> m = part_of(moments_.as<A>(), p.own_at, p.own.count),
                       v = part_of(moments_.as<A>(), own_ + p.own_at, p.own.count);
    const std::span<T> parameters = own_parameters(p);
    if constexpr (std::is_same_v<A, T>) {
      on.adamw_update(how, step, A(1), own_gradients(p), m, v, parameters, {});
    } else {
      on.adamw_update(how, step, A(1), own_gradients(p), m, v, part_of(master_.as<A>(), p.own_at, p.own.count),
                      parameters);
    }
  }
}

template <class T>
void FlatWeights<T>::clear_gradients() {
  clear(rank_.backend, gradients_.as<A>());
}

#define FORERUN_FLAT_WEIGHTS(T) template class FlatWeights<T>;
FORERUN_FOR_EACH_NUMBER(FORERUN_FLAT_WEIGHTS)

}  // namespace forerun
