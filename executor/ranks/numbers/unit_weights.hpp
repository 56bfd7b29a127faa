// Weights and gradients of the unit at work where they are: with all of the rank's, or, as ZeRO and split backward
// passes have it, in tensors of the Program for a while.
#pragma once

#include "executor/ranks/numbers/flat_weights.hpp"

namespace forerun {

template <class T>
class UnitWeights {
 public:
  using A = Arithmetic<T>;

  UnitWeights(RankContext& rank, FlatWeights<T>& all) : rank_(rank), all_(all) {}

  // Null: the unit has none. `local_expert`: of this rank's.
  [[nodiscard]] const Weight* find(WeightKind, int local_expert = -1) const;
  [[nodiscard]] std::span<const T> weight(WeightKind, int local_expert = -1);
  [[nodiscard]] std::span<A> gradient(WeightKind, int local_expert = -1);

  // Gradients of norms that B made go to their places among all of the unit's.
  void settle(TensorId early, std::span<A> all_of_unit);

  // What of a unit's gathered parameters, or of its gradients before they are scattered, is of that share: dense
  // weights, experts', then a table that is not its own.
  template <class U>
  [[nodiscard]] std::span<U> part(TensorId, std::size_t unit, Share);
  // The unit whose piece of the weights that is: a tied head's table is the embedding's.
  [[nodiscard]] std::size_t holder(std::size_t unit, Share) const;

  // Of the micro-batch at work: after a tensor has its memory, and before it loses it.
  void begin_tensor(TensorId);
  void end_tensor(TensorId);

 private:
  [[nodiscard]] std::size_t unit_of(WeightKind kind) const;
  [[nodiscard]] bool borrows(WeightKind kind) const { return unit_of(kind) != rank_.unit(); }
  template <class U>
  [[nodiscard]] std::span<U> in_tensor(TensorId, const Weight&);
  template <class Visit>
  void each_early(TensorId, Visit);  // visit(weight, its gradient) of norms
  void fill_alone(TensorId gathered);
  void keep_alone(TensorId gradients);

  RankContext& rank_;
  FlatWeights<T>& all_;
};

}  // namespace forerun
