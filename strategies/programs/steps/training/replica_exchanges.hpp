// What the replicas of a stage say to each other, as instructions: parameters gathered, gradients reduced.
#pragma once

#include "strategies/plan/rank_grid.hpp"
#include "strategies/programs/steps/chunk.hpp"

namespace forerun {

// Parameters, or gradients, of neighbouring units.
struct ReplicaPiece {
  std::int64_t elements = 0;
  Share share{};
  UnitRange units;
};

// Of a reduction: within each group that shares a copy, then between those groups.
struct ReduceTokens {
  TokenId shards, replicas;
};

class ReplicaExchanges {
 public:
  ReplicaExchanges(const Scenario&, const Plan&, StageEmission&);

  [[nodiscard]] double overlap() const { return overlap_; }
  [[nodiscard]] const StateBytes& state() const { return state_; }
  [[nodiscard]] const RankGrid& grid() const { return grid_; }
  // Ranks that share a copy.
  [[nodiscard]] GroupKind shard_group(Share share) const { return grid_.shard_group(share == Share::experts); }
  [[nodiscard]] bool has_peers(Share share) const { return grid_.size(shard_group(share)) > 1; }
  // Trained parameters of a unit that live on this device.
  [[nodiscard]] std::int64_t held(const PlacedUnit&, Share) const;

  [[nodiscard]] ReduceTokens reduce_tokens() { return {emit_.token(), emit_.token()}; }
  void gather(const ReplicaPiece&, TokenId);
  // To all replicas, or to the rank that keeps them and then to its likes in other sharding groups. Adds the tokens to
  // wait for.
  void reduce(const ReplicaPiece&, ReduceTokens, std::vector<TokenId>& issued);

 private:
  [[nodiscard]] Communication communication(Flow, GroupKind, const ReplicaPiece&, Bytes element, double hidden) const;

  const Plan& plan_;
  RankGrid grid_;
  StageEmission& emit_;
  double overlap_;
  Bytes parameter_;  // of one element on its way
  StateBytes state_;
};

}  // namespace forerun
