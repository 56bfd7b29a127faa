#include "executor/ranks/flat_weights.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <stdexcept>

#include "runtime/cpu/instantiate.hpp"
#include "strategies/plan/rank_grid.hpp"
#include "strategies/programs/held_memory.hpp"
#include "strategies/programs/steps/roles.hpp"
#include "strategies/programs/work_price.hpp"

namespace forerun {
namespace {

// Where a rank stands in a group.
int place_in(GroupKind kind, const Plan& plan, int rank) {
  const std::vector<int> group = RankGrid(plan).members(kind, rank);
  return static_cast<int>(std::ranges::find(group, rank) - group.begin());
}

}  // namespace

template <class T>
FlatWeights<T>::FlatWeights(const PricedScenario& scenario, const Program& program, int rank, Allocator& memory,
                            Backend& backend)
    : backend_(backend), plan_(program.plan), rank_(rank) {
  const StageProgram& stage = program_of(program, rank);
  units_ = stage.units;
  for (const Unit& unit : units_) weights_.push_back(weights_of(scenario.given, plan_, unit, rank));
  for (std::size_t u = 0; u < units_.size(); ++u) {
    std::int64_t dense = 0, experts = 0;
    for (const Weight& w : weights_[u]) (w.of_experts() ? experts : dense) += w.count;
    if (dense != units_[u].parameters || experts != units_[u].expert_parameters)
      throw std::logic_error("the weights of layer " + std::to_string(units_[u].layer) +
                             " are not those of the Program");
  }
  // Dense weights first, then experts: neighbours in a piece are neighbours in memory.
  for (const Unit& unit : units_) dense_at_.push_back(all_), all_ += unit.parameters;
  for (const Unit& unit : units_) experts_at_.push_back(all_), all_ += unit.expert_parameters;
  cut(program, stage);
  const bool wide = sizeof(A) > sizeof(T);
  const std::int64_t gradients = plan_.zero >= 2 ? own_ : all_;
  const auto take = [&](std::string_view name, Bytes StageMemory::* category, std::int64_t elements, std::size_t size) {
    return memory.allocate(name, elements * static_cast<std::int64_t>(size), tag_of(category));
  };
  parameters_ = take("parameters", &StageMemory::parameters, plan_.zero == 3 ? own_ : all_, sizeof(T));
  gradients_ = take("gradients", &StageMemory::gradients, gradients, sizeof(A));
  if (wide) master_ = take("master weights", &StageMemory::optimizer, own_, sizeof(A));
  moments_ = take("moments", &StageMemory::optimizer, 2 * own_, sizeof(A));
  clear(backend_, moments_.as<A>());
  clear_gradients();
}

// A table is the first or the last of its unit's dense weights.
template <class T>
Slice FlatWeights<T>::place(std::size_t unit, Share share) const {
  const Unit& u = units_[unit];
  if (share == Share::experts) return {u.parameters, u.expert_parameters};
  const std::int64_t apart = table_apart(plan_) ? u.table : 0;
  const auto table = std::ranges::find(weights_[unit], WeightKind::table, &Weight::kind);
  const std::int64_t first = table == weights_[unit].end() ? 0 : table->first;
  if (share == Share::table) return {first, apart};
  return {first == 0 ? apart : 0, u.parameters - apart};
}

template <class T>
void FlatWeights<T>::add_piece(int first, int last, Share share, std::int64_t replicas, std::int64_t index) {
  WeightPiece piece{.first_unit = first, .last_unit = last, .share = share};
  for (int u = first; u <= last; ++u) piece.elements += place(static_cast<std::size_t>(u), share).count;
  const auto unit = static_cast<std::size_t>(first);
  piece.whole_at = share == Share::experts ? experts_at_[unit] : dense_at_[unit] + place(unit, share).first;
  piece.own = shard_of(piece.elements, replicas, index);
  piece.largest = shard_sizes(piece.elements, replicas).largest;
  piece.own_at = own_;
  own_ += piece.own.count;
  number_[{first, last, share}] = pieces_.size();
  pieces_.push_back(piece);
}

// As the Program names them; what it never names (a single replica) is one piece a unit.
template <class T>
void FlatWeights<T>::cut(const Program& program, const StageProgram& stage) {
  std::array<std::vector<bool>, all_shares.size()> named;
  named.fill(std::vector<bool>(units_.size()));
  const auto of = [&](Share share) -> std::vector<bool>& { return named[static_cast<std::size_t>(share)]; };
  const bool grouped = plan_.sharding_group != 0;
  const auto add = [&](int first, int last, Share share) {
    const GroupKind kind = share == Share::experts ? (grouped ? GroupKind::expert_shard : GroupKind::expert_dp)
                           : grouped               ? GroupKind::shard
                                                   : GroupKind::dp;
    const bool sharded = plan_.zero >= 1;
    add_piece(first, last, share, sharded ? RankGrid(program.plan).size(kind) : 1,
              sharded ? place_in(kind, program.plan, rank_) : 0);
    for (int u = first; u <= last; ++u) of(share)[static_cast<std::size_t>(u)] = true;
  };
  for (const Work& work : stage.works) {
    const Communication* c = std::get_if<Communication>(&work);
    if (c == nullptr || !c->units || lane_of(c->flow) != Lane::dp) continue;
    const bool borrowed =
        c->share == Share::table && units_[static_cast<std::size_t>(c->units->first)].borrowed > 0;  // the embedding's
    if (!borrowed && !number_.contains({c->units->first, c->units->last, c->share}))
      add(c->units->first, c->units->last, c->share);
  }
  for (const Share share : all_shares) {
    for (std::size_t u = 0; u < units_.size(); ++u) {
      if (place(u, share).count > 0 && !of(share)[u]) add(static_cast<int>(u), static_cast<int>(u), share);
    }
  }
}

template <class T>
void FlatWeights<T>::set_first_values(std::uint64_t seed) {
  std::vector<T> values;
  for (std::size_t u = 0; u < units_.size(); ++u) {
    for (const bool experts : {false, true}) {
      const std::int64_t n = experts ? units_[u].expert_parameters : units_[u].parameters;
      values.resize(static_cast<std::size_t>(n));
      for (const Weight& w : weights_[u]) {
        if (w.of_experts() == experts)
          first_values<T>(
              seed, units_[u].layer, w,
              std::span(values).subspan(static_cast<std::size_t>(w.first), static_cast<std::size_t>(w.count)));
      }
      const std::int64_t at = (experts ? experts_at_ : dense_at_)[u];
      if (plan_.zero < 3)
        put<T>(backend_, values, parameters_.as<T>().subspan(static_cast<std::size_t>(at), values.size()));
      for (const WeightPiece& piece : pieces_) {  // this rank's share of it
        if ((piece.share == Share::experts) != experts) continue;
        const std::int64_t first = std::max(at, piece.whole_at + piece.own.first),
                           last = std::min(at + n, piece.whole_at + piece.own.first + piece.own.count);
        if (first >= last) continue;
        const auto to = static_cast<std::size_t>(piece.own_at + first - piece.whole_at - piece.own.first);
        const std::span<const T> own(values.data() + (first - at), static_cast<std::size_t>(last - first));
        if (plan_.zero == 3) put<T>(backend_, own, parameters_.as<T>().subspan(to, own.size()));
        if (master_) put<A>(backend_, std::vector<A>(own.begin(), own.end()), master_.as<A>().subspan(to, own.size()));
      }
    }
  }
}

template <class T>
std::span<T> FlatWeights<T>::parameters(std::size_t unit, bool experts) {
  assert(plan_.zero < 3);
  return parameters_.as<T>().subspan(
      static_cast<std::size_t>((experts ? experts_at_ : dense_at_)[unit]),
      static_cast<std::size_t>(experts ? units_[unit].expert_parameters : units_[unit].parameters));
}

template <class T>
std::span<Arithmetic<T>> FlatWeights<T>::gradients(std::size_t unit, bool experts) {
  assert(plan_.zero < 2);
  return gradients_.as<A>().subspan(
      static_cast<std::size_t>((experts ? experts_at_ : dense_at_)[unit]),
      static_cast<std::size_t>(experts ? units_[unit].expert_parameters : units_[unit].parameters));
}

template <class T>
const WeightPiece& FlatWeights<T>::piece(int first, int last, Share share) const {
  const auto found = number_.find({first, last, share});
  if (found == number_.end())
    throw std::logic_error("units " + std::to_string(first) + " to " + std::to_string(last) +
                           " are no piece of the weights");
  return pieces_[found->second];
}

template <class T>
std::span<T> FlatWeights<T>::whole_parameters(const WeightPiece& p) {
  return parameters_.as<T>().subspan(static_cast<std::size_t>(p.whole_at), static_cast<std::size_t>(p.elements));
}

template <class T>
std::span<Arithmetic<T>> FlatWeights<T>::whole_gradients(const WeightPiece& p) {
  return gradients_.as<A>().subspan(static_cast<std::size_t>(p.whole_at), static_cast<std::size_t>(p.elements));
}

template <class T>
std::span<T> FlatWeights<T>::own_parameters(const WeightPiece& p) {
  const std::int64_t at = plan_.zero == 3 ? p.own_at : p.whole_at + p.own.first;
  return parameters_.as<T>().subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(p.own.count));
}

template <class T>
std::span<Arithmetic<T>> FlatWeights<T>::own_gradients(const WeightPiece& p) {
  const std::int64_t at = plan_.zero >= 2 ? p.own_at : p.whole_at + p.own.first;
  return gradients_.as<A>().subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(p.own.count));
}

template <class T>
void FlatWeights<T>::update(const AdamW& how, std::int64_t step) {
  Operators<T>& on = backend_.operators<T>();
  for (const WeightPiece& p : pieces_) {
    const auto at = static_cast<std::size_t>(p.own_at), n = static_cast<std::size_t>(p.own.count);
    const std::span<A> m = moments_.as<A>().subspan(at, n),
                       v = moments_.as<A>().subspan(static_cast<std::size_t>(own_) + at, n);
    const std::span<T> parameters = own_parameters(p);
    if constexpr (std::is_same_v<A, T>) {
      on.adamw_update(how, step, A(1), own_gradients(p), m, v, parameters, {});
    } else {
      on.adamw_update(how, step, A(1), own_gradients(p), m, v, master_.as<A>().subspan(at, n), parameters);
    }
  }
}

template <class T>
void FlatWeights<T>::clear_gradients() {
  clear(backend_, gradients_.as<A>());
}

#define FORERUN_FLAT_WEIGHTS(T) template class FlatWeights<T>;
FORERUN_FOR_EACH_NUMBER(FORERUN_FLAT_WEIGHTS)

}  // namespace forerun
