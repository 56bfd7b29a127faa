#include "strategies/programs/steps/training/replica_exchanges.hpp"

#include "base/shard_sizes.hpp"
#include "strategies/programs/held_memory.hpp"

namespace forerun {

ReplicaExchanges::ReplicaExchanges(const Scenario& given, const Plan& plan, StageEmission& emit)
    : plan_(plan),
      grid_(plan),
      emit_(emit),
      overlap_(data_parallel_overlap(given.stack, plan)),
      parameter_(size_of(activation_dtype(given.job))),
      state_(state_bytes(given.stack.precision, given.job)) {}

std::int64_t ReplicaExchanges::held(const PlacedUnit& unit, Share share) const {
  const BlockProgram& block = *unit.program;
  const std::int64_t apart = table_apart(plan_) ? block.table : 0;
  switch (share) {
    case Share::dense:
      return block.parameters - apart;
    case Share::experts:
      return block.expert_parameters;
    case Share::table:
      return apart;
  }
  return 0;
}

Communication ReplicaExchanges::communication(Flow flow, GroupKind group, const ReplicaPiece& piece, Bytes element,
                                              double hidden) const {
  return {.flow = flow,
          .group = group,
          .elements = piece.elements,
          .element = element,
          .hidden = hidden,
          .units = piece.units,
          .share = piece.share};
}

void ReplicaExchanges::gather(const ReplicaPiece& piece, TokenId token) {
  const Communication c = communication(Flow::dp_all_gather, shard_group(piece.share), piece, parameter_, overlap_);
  emit_.push({.lane = Lane::dp, .token = token, .work = emit_.work(c)});
}

void ReplicaExchanges::reduce(const ReplicaPiece& piece, ReduceTokens tokens, std::vector<TokenId>& issued) {
  const auto issue = [&](Flow flow, GroupKind group, const ReplicaPiece& part, TokenId token) {
    const Communication c = communication(flow, group, part, state_.reduction, exchanges_once(plan_) ? 0 : overlap_);
    emit_.push({.lane = Lane::dp, .token = token, .work = emit_.work(c)});
    issued.push_back(token);
  };
  const GroupKind group = shard_group(piece.share);
  if (has_peers(piece.share))
    issue(zero_in_step(plan_) == 0 ? Flow::dp_all_reduce : Flow::dp_reduce_scatter, group, piece, tokens.shards);
  const GroupKind replica = RankGrid::replica_group(piece.share == Share::experts);
  if (plan_.sharding_group == 0 || grid_.size(replica) == 1) return;
  ReplicaPiece share = piece;
  share.elements = shard_sizes(piece.elements, grid_.size(group)).largest;
  issue(Flow::dp_all_reduce, replica, share, tokens.replicas);
}

}  // namespace forerun
