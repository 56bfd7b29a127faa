#include "strategies/plan/rank_grid.hpp"

#include <algorithm>

namespace forerun {

RankCoordinates RankGrid::at(int rank) const {
  const int in_stage = rank % stage_ranks();
  return {.tp = rank % tp_,
          .cp = rank / tp_ % cp_,
          .dp = rank / (tp_ * cp_) % dp_,
          .pp = rank / stage_ranks(),
          .etp = rank % etp_,
          .ep = rank / etp_ % ep_,
          .expert_dp = in_stage / (etp_ * ep_)};
}

int RankGrid::expert_shard() const {
  const int copies = stage_ranks() / (etp_ * ep_);
  const int wanted = sharding_group_ == 0 ? copies : copies * sharding_group_ / (dp_ * cp_);
  return std::max(1, std::min(copies, wanted));
}

Axis RankGrid::axis(GroupKind kind) const {
  const int replicas = dp_ * cp_, stage = stage_ranks(), grid = etp_ * ep_;
  const int shard = sharding_group_ == 0 ? replicas : sharding_group_;
  switch (kind) {
    case GroupKind::tp:
      return {tp_, 1};
    case GroupKind::cp:
      return {cp_, tp_};
    case GroupKind::etp:
      return {etp_, 1};
    case GroupKind::ep:
      return {ep_, etp_};
    case GroupKind::dp:
      return {replicas, tp_};
    case GroupKind::expert_dp:
      return {stage / grid, grid};
    case GroupKind::shard:
      return {shard, tp_};
    case GroupKind::replica:
      return {sharding_group_ == 0 ? 1 : replicas / shard, tp_ * shard};
    case GroupKind::expert_shard:
      return {expert_shard(), grid};
    case GroupKind::expert_replica:
      return {sharding_group_ == 0 ? 1 : stage / grid / expert_shard(), grid * expert_shard()};
    case GroupKind::next_stage:
      return {pp_, stage};
    case GroupKind::mirror:
    case GroupKind::ends:
      return {pp_ > 1 ? 2 : 1, stage * std::max(1, pp_ - 1)};
  }
  return {};
}

std::vector<int> RankGrid::members(GroupKind kind, int rank) const {
  const int stage = rank / stage_ranks();
  if (kind == GroupKind::mirror) {
    const int other = rank + (pp_ - 1 - 2 * stage) * stage_ranks();
    return other == rank ? std::vector<int>{rank} : std::vector<int>{std::min(rank, other), std::max(rank, other)};
  }
  if (kind == GroupKind::ends && stage != 0 && stage != pp_ - 1) return {};
  const Axis group = axis(kind);
  const int first = rank - rank / group.stride % group.count * group.stride;
  std::vector<int> list;
  for (int i = 0; i < group.count; ++i) list.push_back(first + i * group.stride);
  return list;
}

int RankGrid::place(GroupKind kind, int rank) const {
  const std::vector<int> list = members(kind, rank);
  return static_cast<int>(std::ranges::find(list, rank) - list.begin());
}

}  // namespace forerun
