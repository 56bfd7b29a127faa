// Where each rank of a plan stands, and whom it talks to.
//
// gpus = tp x cp x dp x pp. Ranks are numbered with tp innermost, then cp, then dp, then pp (the stage). Routed experts
// are laid over the same ranks of a stage: etp innermost, then ep, then their copies (etp x ep x expert_dp =
// tp x cp x dp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "costmodel/collectives/collective.hpp"
#include "strategies/plan/group_kind.hpp"
#include "strategies/plan/plan.hpp"
#include "strategies/plan/shard.hpp"

namespace forerun {

struct RankCoordinates {
  int tp = 0, cp = 0, dp = 0, pp = 0;
  int etp = 0, ep = 0, expert_dp = 0;  // of the same rank, as experts see it
};

class RankGrid {
 public:
  explicit RankGrid(const Plan& p)
      : tp_(p.tp), cp_(p.cp), dp_(p.dp), pp_(p.pp), etp_(p.etp), ep_(p.ep), sharding_group_(p.sharding_group) {}
  // Of the groups inside a block (tp, cp, etp, ep): the rest of the plan is not known.
  explicit RankGrid(const Split& s) : tp_(s.tp), cp_(s.cp), etp_(s.etp), ep_(s.ep) {}

  [[nodiscard]] int stage_ranks() const { return tp_ * cp_ * dp_; }
  [[nodiscard]] RankCoordinates at(int rank) const;

  // A group as an axis of the grid: how many members it has and how far they are apart.
  [[nodiscard]] Axis axis(GroupKind) const;
  [[nodiscard]] int size(GroupKind kind) const { return axis(kind).count; }
  // Of the group of a rank, in the order of the group's axis. Empty: the rank is in none.
  [[nodiscard]] std::vector<int> members(GroupKind, int rank) const;
  // Where a rank stands among the members of its group.
  [[nodiscard]] int place(GroupKind, int rank) const;

  // Among whom ZeRO cuts weights (below ZeRO-1: who holds a copy), and who then holds the same shard. Routed experts
  // have fewer copies than dense weights.
  [[nodiscard]] GroupKind shard_group(bool of_experts) const {
    if (sharding_group_ == 0) return of_experts ? GroupKind::expert_dp : GroupKind::dp;
    return of_experts ? GroupKind::expert_shard : GroupKind::shard;
  }
  [[nodiscard]] static GroupKind replica_group(bool of_experts) {
    return of_experts ? GroupKind::expert_replica : GroupKind::replica;
  }

 private:
  [[nodiscard]] int expert_shard() const;  // ranks that share one copy of the experts

  int tp_ = 1, cp_ = 1, dp_ = 1, pp_ = 1, etp_ = 1, ep_ = 1, sharding_group_ = 0;
};

}  // namespace forerun
