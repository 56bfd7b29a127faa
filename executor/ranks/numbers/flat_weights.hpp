// Weights, gradients and optimiser states of one rank: flat memory of its backend, cut as ZeRO cuts it.
//
// Pieces are what replicas exchange at once: buckets of units (ZeRO-0 and 1) or single units (2 and 3), dense weights,
// routed experts and a tied table apart.
#pragma once

#include <map>
#include <span>
#include <utility>
#include <vector>

#include "base/shard_sizes.hpp"
#include "executor/ranks/rank_context.hpp"
#include "executor/ranks/weights.hpp"
#include "runtime/cpu/adamw.hpp"
#include "runtime/cpu/number.hpp"

namespace forerun {

// What neighbouring units have of one share, as the Program moves it.
struct WeightPiece {
  UnitRange units;
  Share share{};
  std::int64_t elements = 0;
  std::int64_t largest = 0;   // of the shards
  Shard own;                  // of the elements: what this rank updates
  std::int64_t whole_at = 0;  // in memory that holds all of it
  std::int64_t own_at = 0;    // in memory that holds what ranks update
};

template <class T>
class FlatWeights {
 public:
  using A = Arithmetic<T>;

  explicit FlatWeights(RankContext&);

  [[nodiscard]] const std::vector<Weight>& weights(std::size_t unit) const { return weights_[unit]; }
  void set_first_values(std::uint64_t seed);

  // All of a unit's memory, where this rank holds it whole.
  [[nodiscard]] std::span<T> parameters(std::size_t unit, bool experts);
  [[nodiscard]] std::span<A> gradients(std::size_t unit, bool experts);

  // Where a share lies in the memory of one unit, experts' behind dense weights.
  [[nodiscard]] Slice place(std::size_t unit, Share) const;

  [[nodiscard]] const std::vector<WeightPiece>& pieces() const { return pieces_; }
  [[nodiscard]] const WeightPiece& piece(UnitRange, Share) const;
  // Of a piece: whole, where it is whole; and this rank's share of it.
  [[nodiscard]] std::span<T> whole_parameters(const WeightPiece&);
  [[nodiscard]] std::span<A> whole_gradients(const WeightPiece&);
  [[nodiscard]] std::span<T> own_parameters(const WeightPiece&);
  [[nodiscard]] std::span<A> own_gradients(const WeightPiece&);

  void update(const AdamW&, std::int64_t step);
  void clear_gradients();

 private:
  void allocate(Allocator&);
  void add_piece(UnitRange, Share);
  void cut();
  void set_unit(std::size_t unit, bool experts, std::span<const T> values);
  [[nodiscard]] std::int64_t at(std::size_t unit, bool experts) const {
    return (experts ? experts_at_ : dense_at_)[unit];
  }
  [[nodiscard]] std::int64_t elements(std::size_t unit, bool experts) const {
    return experts ? units_[unit].expert_parameters : units_[unit].parameters;
  }

  RankContext& rank_;
  const int zero_;
  const bool trains_;  // otherwise there are parameters alone
  const std::vector<Unit>& units_;
  std::vector<std::vector<Weight>> weights_;
  std::vector<std::int64_t> dense_at_, experts_at_;  // of each unit among all
  std::vector<WeightPiece> pieces_;
  std::map<std::pair<UnitRange, Share>, std::size_t> number_;
  std::int64_t all_ = 0, own_ = 0;
  Allocation parameters_, gradients_, master_, moments_;
};

}  // namespace forerun
