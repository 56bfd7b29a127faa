// What kernels work with: the rank and its instruction, weights, the backend's operators, and what some kernels leave
// for others.
#pragma once

#include <map>

#include "executor/ranks/expert_rows.hpp"
#include "executor/ranks/numbers/unit_weights.hpp"
#include "runtime/cpu/attention.hpp"

namespace forerun {

// While pieces of ring attention come: the running result in the workspace, and where the gradients of this rank's
// queries, keys and values are added up.
template <class T>
struct RingState {
  std::span<Arithmetic<T>> sum, log_sum_exp;
  std::span<T> gradients;
};

template <class T>
struct KernelContext {
  using A = Arithmetic<T>;

  explicit KernelContext(RankContext& context, ExpertRows& rows)
      : rank(context), experts(rows), flat(context), weights(context, flat), on(context.backend.operators<T>()) {}

  // Tensors that the instruction at work reads and writes, in the order in which the Program lists them.
  template <class U = T>
  [[nodiscard]] std::span<U> read(std::size_t i) {
    return rank.tensor<U>(rank.cursor.reads()[i]);
  }
  template <class U = T>
  [[nodiscard]] std::span<U> written(std::size_t i) {
    return rank.tensor<U>(rank.cursor.writes()[i]);
  }
  [[nodiscard]] std::size_t reads() const { return rank.cursor.reads().size(); }
  [[nodiscard]] const Computation& computation() const { return *rank.work<Computation>(); }
  [[nodiscard]] std::int64_t hidden() const { return rank.given.model.hidden; }

  RankContext& rank;
  ExpertRows& experts;
  FlatWeights<T> flat;
  UnitWeights<T> weights;
  Operators<T>& on;
  std::map<std::int64_t, std::span<A>> rotary;  // by the length of a sequence: the table of its positions (rotary.hpp)
  RingState<T> ring;
};

}  // namespace forerun
