#include "base/shard_sizes.hpp"
#include "strategies/programs/held_memory.hpp"
#include "strategies/programs/steps/stage_lowering.hpp"

namespace forerun::stage_lowering {

Communication StageLowering::between_replicas(Flow flow, GroupKind group, const Piece& piece, Bytes element) const {
  return {.flow = flow,
          .group = group,
          .elements = piece.elements,
          .element = element,
          .hidden = dp_,
          .units = piece.units,
          .share = piece.share};
}

// Parameters of the ranks that share a copy.
void StageLowering::issue_gather(const Piece& piece, TokenId token) {
  push({.lane = Lane::dp,
        .token = token,
        .work = work(between_replicas(Flow::dp_all_gather, shard_group(piece.share), piece, element_))});
}

// Gradients: to all replicas, or to the rank that keeps them and then to its likes in other sharding groups.
void StageLowering::issue_reduce(const Piece& piece, ReduceTokens tokens, std::vector<TokenId>& issued) {
  const Bytes element = state_.reduction;
  const Flow flow = plan_.zero == 0 ? Flow::dp_all_reduce : Flow::dp_reduce_scatter;
  const GroupKind group = shard_group(piece.share);
  if (grid_.size(group) > 1) {
    push({.lane = Lane::dp, .token = tokens.shards, .work = work(between_replicas(flow, group, piece, element))});
    issued.push_back(tokens.shards);
  }
  const GroupKind replica = RankGrid::replica_group(piece.share == Share::experts);
  if (plan_.sharding_group != 0 && grid_.size(replica) > 1) {
    Piece share = piece;
    share.elements = shard_sizes(piece.elements, grid_.size(group)).largest;
    push({.lane = Lane::dp,
          .token = tokens.replicas,
          .work = work(between_replicas(Flow::dp_all_reduce, replica, share, element))});
    issued.push_back(tokens.replicas);
  }
}

template <class Visit>
void StageLowering::each_bucket(Visit visit) {
  for (Chunk& chunk : chunks_) {
    for (const Share share : all_shares) {
      for (const Bucket& bucket : chunk.buckets_of(share)) visit(chunk, share, bucket);
    }
  }
}

void StageLowering::open(Body body) {
  out_.bodies.push_back(std::move(body));
  body_ = &out_.bodies.back();
}

// Parameters that the optimiser left in shards are gathered before, or beside, the first forward.
void StageLowering::prologue() {
  open({});
  push({.work = work(FrameworkFloor{})});
  if (plan_.zero == 1) {
    for (Chunk& chunk : chunks_) {
      for (const Share share : all_shares) {
        auto& buckets = chunk.buckets_of(share);
        for (auto bucket = buckets.rbegin(); bucket != buckets.rend(); ++bucket) {  // in the order of forward
          if (grid_.size(shard_group(share)) == 1) continue;
          const TokenId token = tokens_.next();
          issue_gather(piece_of(chunk, *bucket, share), token);
          if (dp_ == 0) {
            wait(token);
          } else {
            gathers_.push_back({&chunk - chunks_.data(), bucket->first_unit, token});
          }
        }
      }
    }
  }
  if (plan_.zero == 2) gather_units_at_start();
  call_once();
}

void StageLowering::gather_units_at_start() {
  for (const Chunk& chunk : chunks_) {
    for (std::size_t u = 0; u < chunk.units.size(); ++u) {
      for (const Share share : all_shares) {
        const std::int64_t elements = held(chunk, u, share);
        if (elements == 0 || grid_.size(shard_group(share)) == 1) continue;
        const TokenId token = tokens_.next();
        issue_gather(piece_of(chunk, u, share, elements), token);
        if (dp_ == 0) {
          wait(token);
        } else {
          gathers_.push_back({&chunk - chunks_.data(), static_cast<int>(u), token});
        }
      }
    }
  }
}

void StageLowering::epilogue() {
  open({});
  if (plan_.zero < 2 && dp_ == 0) {
    each_bucket([&](const Chunk& chunk, Share share, const Bucket& bucket) {
      std::vector<TokenId> issued;
      issue_reduce(piece_of(chunk, bucket, share), reduce_tokens(), issued);
      for (const TokenId token : issued) wait(token);
    });
  }
  for (const TokenId token : reductions_) wait(token);
  if (const std::int64_t summed = summed_over_tp(given_, plan_, weights()); summed > 0) {
    exchange_at_end({.flow = Flow::tp_all_reduce,
                     .group = GroupKind::tp,
                     .elements = summed,
                     .element = state_.reduction,
                     .units = UnitRange{0, static_cast<int>(out_.units.size()) - 1}});
  }
  if (runs_both_ways(plan_)) add_mirrored();
  const std::int64_t tied = exchanged_by_ends(given_, plan_);
  if (tied > 0 && (out_.stage == 0 || out_.stage == plan_.pp - 1)) {  // both ends add their gradients of it
    exchange_at_end(
        {.flow = Flow::pp_all_reduce, .group = GroupKind::ends, .elements = tied, .element = state_.reduction});
  }
  update();
  call_once();
}

void StageLowering::exchange_at_end(const Communication& c) {
  const TokenId token = tokens_.next();
  push({.lane = lane_of(c.flow), .token = token, .work = work(c)});
  wait(token);
}

StageWeights StageLowering::weights() const {
  StageWeights sum;
  for (const Chunk& chunk : chunks_) {
    for (const PlacedUnit& unit : chunk.units) sum.add(*unit.program);
  }
  return sum;
}

// The copies of a chunk on two stages have seen half of the micro-batches each.
void StageLowering::add_mirrored() {
  exchange_at_end({.flow = Flow::pp_all_reduce,
                   .group = GroupKind::mirror,
                   .elements = own_elements(),
                   .element = state_.reduction});
}

// Of the gradients that a rank keeps: the largest shard of each piece.
std::int64_t StageLowering::own_elements() const {
  std::int64_t sum = 0;
  for (const Chunk& chunk : chunks_) {
    for (const Share share : all_shares) {
      const auto own = [&](std::int64_t elements) {
        return plan_.zero == 0 ? elements : shard_sizes(elements, grid_.size(shard_group(share))).largest;
      };
      if (const std::vector<Bucket>& buckets = chunk.buckets_of(share); plan_.zero == 1 && !buckets.empty()) {
        for (const Bucket& bucket : buckets) sum += own(bucket.elements);
      } else {
        for (std::size_t u = 0; u < chunk.units.size(); ++u) sum += own(held(chunk, u, share));
      }
    }
  }
  return sum;
}

void StageLowering::update() {
  const StageWeights all = weights();
  const std::int64_t own = updated_parameters(plan_, all.dense, all.expert);
  if (own == 0) return;
  if (!plan_.offload.optimizer) {
    const Bytes moved = optimizer_bytes(given_.stack, state_, static_cast<double>(own));
    push({.work = work(Computation{.part = Part::update, .kernels = {Streaming{StreamingKind::optimizer, moved}}})});
    return;
  }
  const double n = static_cast<double>(own);
  push({.lane = Lane::to_host, .token = between_units_.copy[0], .work = work(HostCopy{n * state_.gradient, true})});
  wait(between_units_.copy[0]);
  push({.work = work(HostUpdate{own})});
  push({.lane = Lane::from_host, .token = between_units_.copy[0], .work = work(HostCopy{n * state_.parameter, false})});
  wait(between_units_.copy[0]);
}

}  // namespace forerun::stage_lowering
