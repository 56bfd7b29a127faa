#include "executor/ranks/numbers/unit_weights.hpp"

#include <algorithm>
#include <optional>

#include "runtime/cpu/instantiate.hpp"

namespace forerun {

template <class T>
std::size_t UnitWeights<T>::holder(std::size_t unit, Share share) const {
  const std::vector<Unit>& units = rank_.stage.units;
  if (share != Share::table || units[unit].borrowed == 0) return unit;
  return static_cast<std::size_t>(std::ranges::find(units, UnitKind::embedding, &Unit::kind) - units.begin());
}

// A tied head is the table: a copy of its own, or the embedding's.
template <class T>
std::size_t UnitWeights<T>::unit_of(WeightKind kind) const {
  return kind == WeightKind::table ? holder(rank_.unit(), Share::table) : rank_.unit();
}

template <class T>
const Weight* UnitWeights<T>::find(WeightKind kind, int local_expert) const {
  int expert = -1;
  for (const Weight& w : all_.weights(unit_of(kind))) {
    if (w.kind != kind) continue;
    if (!w.of_experts() && local_expert < 0) return &w;
    if (w.of_experts() && ++expert == local_expert) return &w;
  }
  return nullptr;
}

// In a tensor that holds the whole unit: dense weights, then experts'.
template <class T>
template <class U>
std::span<U> UnitWeights<T>::in_tensor(TensorId id, const Weight& w) {
  const std::int64_t at = w.first + (w.of_experts() ? rank_.stage.units[rank_.unit()].parameters : 0);
  return rank_.tensor<U>(id).subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(w.count));
}

template <class T>
std::span<const T> UnitWeights<T>::weight(WeightKind kind, int local_expert) {
  const Weight& w = *find(kind, local_expert);
  if (const std::optional<TensorId> gathered = rank_.stage.units[rank_.unit()].gathered) {
    return borrows(kind) ? part<T>(*gathered, rank_.unit(), Share::table) : in_tensor<T>(*gathered, w);
  }
  return all_.parameters(unit_of(kind), w.of_experts())
      .subspan(static_cast<std::size_t>(w.first), static_cast<std::size_t>(w.count));
}

template <class T>
std::span<Arithmetic<T>> UnitWeights<T>::gradient(WeightKind kind, int local_expert) {
  const Weight& w = *find(kind, local_expert);
  const Unit& unit = rank_.stage.units[rank_.unit()];
  if (unit.early && rank_.cursor.body->kind == PassKind::input_gradient) {
    std::span<A> own;
    each_early(*unit.early, [&](const Weight& norm, std::span<A> made) { own = &norm == &w ? made : own; });
    return own;
  }
  if (unit.gradients) {
    return borrows(kind) ? part<A>(*unit.gradients, rank_.unit(), Share::table) : in_tensor<A>(*unit.gradients, w);
  }
  return all_.gradients(unit_of(kind), w.of_experts())
      .subspan(static_cast<std::size_t>(w.first), static_cast<std::size_t>(w.count));
}

template <class T>
template <class Visit>
void UnitWeights<T>::each_early(TensorId id, Visit visit) {
  const std::vector<Unit>& units = rank_.stage.units;
  const auto found = std::ranges::find(units, std::optional(id), &Unit::early);
  const std::span<A> all = rank_.tensor<A>(id);
  std::size_t at = 0;
  for (const Weight& w : all_.weights(static_cast<std::size_t>(found - units.begin()))) {
    if (!w.of_norm()) continue;
    visit(w, all.subspan(at, static_cast<std::size_t>(w.count)));
    at += static_cast<std::size_t>(w.count);
  }
}

template <class T>
void UnitWeights<T>::settle(TensorId early, std::span<A> all_of_unit) {
  each_early(early, [&](const Weight& w, std::span<A> made) {
    copy<A>(rank_.backend, made, all_of_unit.subspan(static_cast<std::size_t>(w.first), made.size()));
  });
}

template <class T>
template <class U>
std::span<U> UnitWeights<T>::part(TensorId id, std::size_t unit, Share share) {
  const Unit& u = rank_.stage.units[unit];
  const std::span<U> all = rank_.tensor<U>(id);
  if (share == Share::table && u.borrowed > 0) return all.last(static_cast<std::size_t>(u.borrowed));
  const Slice place = all_.place(unit, share);
  return all.subspan(static_cast<std::size_t>(place.first), static_cast<std::size_t>(place.count));
}

template <class T>
void UnitWeights<T>::begin_tensor(TensorId id) {
  if (zero_in_step(rank_.plan) == 3) fill_alone(id);
  const auto is = [id](const Unit& unit) { return unit.gradients == id || unit.early == id; };
  if (zero_in_step(rank_.plan) >= 2 && std::ranges::any_of(rank_.stage.units, is))
    clear(rank_.backend, rank_.tensor<A>(id));
}

template <class T>
void UnitWeights<T>::end_tensor(TensorId id) {
  if (zero_in_step(rank_.plan) >= 2) keep_alone(id);
}

// Weights of a unit that no other rank shares: nothing is gathered before they are used.
template <class T>
void UnitWeights<T>::fill_alone(TensorId id) {
  const std::vector<Unit>& units = rank_.stage.units;
  const auto found = std::ranges::find(units, std::optional(id), &Unit::gathered);
  if (found == units.end()) return;
  const auto unit = static_cast<std::size_t>(found - units.begin());
  for (const Share share : all_shares) {
    const std::span<T> whole = part<T>(id, unit, share);
    if (whole.empty() || rank_.grid.size(rank_.grid.shard_group(share == Share::experts)) > 1) continue;
    const auto from = static_cast<int>(holder(unit, share));
    copy<T>(rank_.backend, all_.own_parameters(all_.piece({from, from}, share)), whole);
  }
}

// Gradients of a unit's experts that no other rank has copies of: nothing is exchanged before they are kept.
template <class T>
void UnitWeights<T>::keep_alone(TensorId id) {
  const std::vector<Unit>& units = rank_.stage.units;
  const auto found = std::ranges::find(units, std::optional(id), &Unit::gradients);
  if (found == units.end() || found->expert_parameters == 0 || rank_.grid.size(GroupKind::expert_dp) > 1) return;
  const auto unit = static_cast<int>(found - units.begin());
  const std::span<A> kept = all_.own_gradients(all_.piece({unit, unit}, Share::experts));
  rank_.backend.operators<T>().add_sums(kept, part<A>(id, static_cast<std::size_t>(unit), Share::experts), kept);
}

#define FORERUN_UNIT_WEIGHTS(T)  \
  template class UnitWeights<T>; \
  template std::span<T> UnitWeights<T>::part<T>(TensorId, std::size_t, Share);
FORERUN_FOR_EACH_NUMBER(FORERUN_UNIT_WEIGHTS)
template std::span<float> UnitWeights<BFloat16>::part<float>(TensorId, std::size_t, Share);

}  // namespace forerun
