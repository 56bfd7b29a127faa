// The script of a pass (unit_script.hpp) as instructions.
#pragma once

#include <functional>

#include "strategies/programs/steps/training/training_chunk.hpp"

namespace forerun {

// Of what is on its way between units; one pass after the other uses them.
struct UnitTokens {
  explicit UnitTokens(StageEmission&);

  std::array<std::array<TokenId, 2>, all_shares.size()> gather;  // of the unit at work and of the next one
  std::array<ReduceTokens, all_shares.size()> scatter;
  std::array<TokenId, 2> copy;  // of the unit at work and of its neighbour
};

class UnitEmission {
 public:
  using Hook = std::function<void(std::size_t unit)>;

  // `settle`: the work that puts early gradients in their place.
  UnitEmission(const UnitTokens& tokens, std::uint32_t settle, const TrainingChunk& own, PassKind kind,
               ReplicaExchanges& replicas, StageEmission& emit)
      : tokens_(tokens), settle_(settle), own_(own), kind_(kind), replicas_(replicas), emit_(emit) {}

  // What the first or the last pass of a step adds before or behind the pass of a unit.
  Hook before_unit, behind_unit;

  void gather(std::size_t u);
  void wait_gather(std::size_t u);
  void release(std::size_t u);
  void fetch(std::size_t u);
  void wait_fetch(std::size_t u) { emit_.wait(copy_of(u)); }
  void keep_early(std::size_t u);
  void make_room(std::size_t u) { emit_.mark({.allocates = {gradients_of(u)}}); }
  void take_early(std::size_t u);
  void run(std::size_t u);
  void copy_out(std::size_t u);
  void settle(std::size_t u) { emit_.wait(copy_of(u), {.releases = saved(u)}); }
  void scatter(std::size_t u);
  void wait_scatter(std::size_t u);

 private:
  [[nodiscard]] const PlacedUnit& unit(std::size_t u) const { return own_.chunk.units[u]; }
  [[nodiscard]] TokenId copy_of(std::size_t u) const { return tokens_.copy[u % 2]; }
  [[nodiscard]] TensorId gathered_of(std::size_t u) const { return *own_.gathered + static_cast<TensorId>(u); }
  [[nodiscard]] TensorId gradients_of(std::size_t u) const { return *own_.gradients + static_cast<TensorId>(u); }
  [[nodiscard]] bool needs_parameters(std::size_t u) const;
  template <class Visit>
  void each_gathered(std::size_t u, Visit visit) const;
  [[nodiscard]] std::vector<TensorId> saved(std::size_t u) const;
  void copy(std::size_t u, Lane, const Operands&);

  const UnitTokens& tokens_;
  std::uint32_t settle_;
  const TrainingChunk& own_;
  PassKind kind_;
  ReplicaExchanges& replicas_;
  StageEmission& emit_;
  std::vector<TokenId> scattered_;  // to wait for
};

}  // namespace forerun
