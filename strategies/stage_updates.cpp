#include "strategies/held_memory.hpp"
#include "strategies/stage_lowering.hpp"

namespace forerun::stage_lowering {

GroupKind StageLowering::shard_group(Experts experts) const {
  if (plan_.sharding_group == 0) return experts == Experts::yes ? GroupKind::expert_dp : GroupKind::dp;
  return experts == Experts::yes ? GroupKind::expert_shard : GroupKind::shard;
}

Communication StageLowering::between_replicas(Flow flow, GroupKind group, const Piece& piece, Bytes element) const {
  return {.flow = flow, .group = group, .elements = piece.elements, .element = element, .hidden = dp_, .first_unit = piece.first_unit, .last_unit = piece.last_unit};
}

// Parameters of the ranks that share a copy.
void StageLowering::issue_gather(const Piece& piece, TokenId token) {
  push({.lane = Lane::dp, .token = token, .work = work(between_replicas(Flow::dp_all_gather, shard_group(piece.experts), piece, element_))});
}

// Gradients: to all replicas, or to the rank that keeps them and then to its likes in other sharding groups. Sets `token`, and `token + 1` for the latter.
void StageLowering::issue_reduce(const Piece& piece, TokenId token, std::vector<TokenId>& issued) {
  const Experts experts = piece.experts;
  const Bytes element = state_.reduction;
  const Flow flow = plan_.zero == 0 ? Flow::dp_all_reduce : Flow::dp_reduce_scatter;
  if (size_of_group(shard_group(experts), plan_) > 1) {
    push({.lane = Lane::dp, .token = token, .work = work(between_replicas(flow, shard_group(experts), piece, element))});
    issued.push_back(token);
  }
  const GroupKind replica = experts == Experts::yes ? GroupKind::expert_replica : GroupKind::replica;
  if (plan_.sharding_group != 0 && size_of_group(replica, plan_) > 1) {
    Piece share = piece;
    share.elements = shard_sizes(piece.elements, size_of_group(shard_group(experts), plan_)).largest;
    push({.lane = Lane::dp, .token = static_cast<TokenId>(token + 1), .work = work(between_replicas(Flow::dp_all_reduce, replica, share, element))});
    issued.push_back(static_cast<TokenId>(token + 1));
  }
}

template <class Visit>
void StageLowering::each_bucket(Visit visit) {
  for (Chunk& chunk : chunks_) {
    for (const Experts experts : {Experts::no, Experts::yes}) {
      for (const Bucket& bucket : chunk.buckets[experts == Experts::yes ? 1 : 0]) visit(chunk, experts, bucket);
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
      for (const Experts experts : {Experts::no, Experts::yes}) {
        auto& buckets = chunk.buckets[experts == Experts::yes ? 1 : 0];
        for (auto bucket = buckets.rbegin(); bucket != buckets.rend(); ++bucket) {  // in the order of forward
          if (size_of_group(shard_group(experts), plan_) == 1) continue;
          const TokenId token = next_token();
          issue_gather(piece_of(chunk, *bucket, experts), token);
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
      for (const Experts experts : {Experts::no, Experts::yes}) {
        const std::int64_t elements = experts == Experts::yes ? chunk.units[u].program->expert_parameters : chunk.units[u].program->parameters;
        if (elements == 0 || size_of_group(shard_group(experts), plan_) == 1) continue;
        const TokenId token = next_token();
        issue_gather(piece_of(chunk, u, experts, elements), token);
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
    each_bucket([&](const Chunk& chunk, Experts experts, const Bucket& bucket) {
      std::vector<TokenId> issued;
      issue_reduce(piece_of(chunk, bucket, experts), next_token(), issued);
      for (const TokenId token : issued) wait(token);
    });
  }
  for (const TokenId token : reductions_) wait(token);
  if (const std::int64_t summed = summed_over_tp(given_, plan_, weights()); summed > 0) {
    exchange_at_end({.flow = Flow::tp_all_reduce, .group = GroupKind::tp, .elements = summed, .element = state_.reduction, .first_unit = 0, .last_unit = static_cast<int>(out_.units.size()) - 1});
  }
  if (plan_.schedule == ScheduleKind::dualpipe && plan_.pp > 1) add_mirrored();
  const std::int64_t tied = trained_second_table(given_, plan_);
  if (tied > 0 && (out_.stage == 0 || out_.stage == plan_.pp - 1)) {  // both ends add their gradients of it
    exchange_at_end({.flow = Flow::pp_all_reduce, .group = GroupKind::ends, .elements = tied, .element = state_.reduction});
  }
  update(tied);
  call_once();
}

void StageLowering::exchange_at_end(const Communication& c) {
  const TokenId token = next_token();
  push({.lane = lane_of(c.flow), .token = token, .work = work(c)});
  wait(token);
}

StageWeights StageLowering::weights() const {
  StageWeights sum = table_on(given_, plan_, out_.stage);
  for (const Chunk& chunk : chunks_) {
    for (const PlacedUnit& unit : chunk.units) sum.add(*unit.program);
  }
  return sum;
}

// The copies of a chunk on two stages have seen half of the micro-batches each.
void StageLowering::add_mirrored() {
  std::int64_t dense = 0, expert = 0;
  for (const Chunk& chunk : chunks_) {
    for (const PlacedUnit& unit : chunk.units) dense += unit.program->parameters, expert += unit.program->expert_parameters;
  }
  const std::int64_t sum = updated_parameters(plan_, dense, expert);
  exchange_at_end({.flow = Flow::pp_all_reduce, .group = GroupKind::mirror, .elements = sum, .element = state_.reduction});
}

void StageLowering::update(std::int64_t tied) {
  std::int64_t dense = out_.stage == plan_.pp - 1 ? tied : 0, expert = 0;
  for (const Chunk& chunk : chunks_) {
    for (const PlacedUnit& unit : chunk.units) dense += unit.program->parameters, expert += unit.program->expert_parameters;
  }
  const std::int64_t own = updated_parameters(plan_, dense, expert);
  if (own == 0) return;
  if (!plan_.offload.optimizer) {
    const Bytes moved = optimizer_bytes(given_.stack, state_, static_cast<double>(own));
    push({.work = work(Computation{.part = Part::update, .kernels = {Streaming{StreamingKind::optimizer, moved}}})});
    return;
  }
  const double n = static_cast<double>(own);
  push({.lane = Lane::to_host, .token = copying, .work = work(HostCopy{n * state_.gradient, true})});
  wait(copying);
  push({.work = work(HostUpdate{own})});
  push({.lane = Lane::from_host, .token = copying, .work = work(HostCopy{n * state_.parameter, false})});
  wait(copying);
}

}  // namespace forerun::stage_lowering
