#include "base/shard_sizes.hpp"
#include "strategies/programs/steps/training/training_stage.hpp"

namespace forerun {

struct TrainingStage::GathersAtStart {
  TrainingStage& stage;

  void gather(const TrainingChunk& own) const {
    for (const ReplicaPiece& piece : stage.pieces_at_start(own)) stage.emit_.wait(issue(piece));
  }
  void issue_gathers(const TrainingChunk& own) const {
    for (const ReplicaPiece& piece : stage.pieces_at_start(own)) {
      const std::size_t unit = static_cast<std::size_t>(piece.units.first) - own.chunk.first_unit;
      stage.gathers_.push_back({own.chunk.local, unit, issue(piece)});
    }
  }
  [[nodiscard]] TokenId issue(const ReplicaPiece& piece) const {
    const TokenId token = stage.emit_.token();
    stage.replicas_.gather(piece, token);
    return token;
  }
};

void TrainingStage::prologue() {
  const std::uint32_t body = emit_.open({});
  emit_.push({.work = emit_.work(FrameworkFloor{})});
  exchanges_.before_passes(chunks_, GathersAtStart{*this});
  emit_.call(body);
}

// In the order of forward: buckets of a share after each other, or (ZeRO-2) the shares of a unit.
std::vector<ReplicaPiece> TrainingStage::pieces_at_start(const TrainingChunk& own) const {
  std::vector<ReplicaPiece> pieces;
  if (zero_in_step(plan_) == 1) {
    for (const Share share : all_shares) {
      const std::vector<Bucket>& buckets = own.buckets_of(share);
      for (auto bucket = buckets.rbegin(); bucket != buckets.rend(); ++bucket)
        pieces.push_back(own.piece(*bucket, share));
    }
  } else {
    for (std::size_t u = 0; u < own.size(); ++u) {
      for (const Share share : all_shares)
        pieces.push_back(own.piece(u, share, replicas_.held(own.chunk.units[u], share)));
    }
  }
  std::erase_if(pieces,
                [&](const ReplicaPiece& piece) { return piece.elements == 0 || !replicas_.has_peers(piece.share); });
  return pieces;
}

void TrainingStage::epilogue() {
  const std::uint32_t body = emit_.open({});
  if (exchanges_.reduces_at_end()) {
    for (const TrainingChunk& own : chunks_) reduce_at_end(own);
  }
  for (const TokenId token : reductions_) emit_.wait(token);
  const Bytes gradient = replicas_.state().reduction;
  if (const std::int64_t summed = summed_over_tp(given_, plan_, weights()); summed > 0) {
    exchange_at_end({.flow = Flow::tp_all_reduce,
                     .group = GroupKind::tp,
                     .elements = summed,
                     .element = gradient,
                     .units = UnitRange{0, static_cast<int>(emit_.program().units.size()) - 1}});
  }
  if (runs_both_ways(plan_)) {  // the copies of a chunk saw half of the batch each
    exchange_at_end(
        {.flow = Flow::pp_all_reduce, .group = GroupKind::mirror, .elements = own_gradients(), .element = gradient});
  }
  const int stage = emit_.program().stage;
  const std::int64_t tied = exchanged_by_ends(given_, plan_);
  if (tied > 0 && (stage == 0 || stage == plan_.pp - 1))  // both ends add their gradients of it
    exchange_at_end({.flow = Flow::pp_all_reduce, .group = GroupKind::ends, .elements = tied, .element = gradient});
  update();
  emit_.call(body);
}

void TrainingStage::reduce_at_end(const TrainingChunk& own) {
  for (const Share share : all_shares) {
    for (const Bucket& bucket : own.buckets_of(share)) {
      std::vector<TokenId> issued;
      replicas_.reduce(own.piece(bucket, share), replicas_.reduce_tokens(), issued);
      for (const TokenId token : issued) emit_.wait(token);
    }
  }
}

void TrainingStage::exchange_at_end(const Communication& c) {
  const TokenId token = emit_.token();
  emit_.push({.lane = lane_of(c.flow), .token = token, .work = emit_.work(c)});
  emit_.wait(token);
}

// Of the gradients that a rank keeps: the largest shard of each piece.
std::int64_t TrainingStage::own_gradients() const {
  std::int64_t sum = 0;
  for (const TrainingChunk& own : chunks_) {
    for (const Share share : all_shares) {
      const auto kept = [&](std::int64_t elements) {
        const int ranks = replicas_.grid().size(replicas_.shard_group(share));
        return zero_in_step(plan_) == 0 ? elements : shard_sizes(elements, ranks).largest;
      };
      if (const std::vector<Bucket>& buckets = own.buckets_of(share); zero_in_step(plan_) == 1 && !buckets.empty()) {
        for (const Bucket& bucket : buckets) sum += kept(bucket.elements);
      } else {
        for (const PlacedUnit& unit : own.chunk.units) sum += kept(replicas_.held(unit, share));
      }
    }
  }
  return sum;
}

void TrainingStage::update() {
  const StageWeights all = weights();
  const std::int64_t own = updated_parameters(plan_, all.dense, all.expert);
  if (own == 0) return;
  if (plan_.offload.optimizer) return update_on_the_host(own);
  const Bytes moved = optimizer_bytes(given_.stack, replicas_.state(), static_cast<double>(own));
  emit_.push(
      {.work = emit_.work(Computation{.part = Part::update, .kernels = {Streaming{StreamingKind::optimizer, moved}}})});
}

// Gradients go there, parameters come back.
void TrainingStage::update_on_the_host(std::int64_t parameters) {
  const auto copy = [&](Bytes element, bool to_host) {
    const TokenId token = emit_.token();
    const HostCopy all{static_cast<double>(parameters) * element, to_host};
    emit_.push({.lane = to_host ? Lane::to_host : Lane::from_host, .token = token, .work = emit_.work(all)});
    emit_.wait(token);
  };
  copy(replicas_.state().gradient, true);
  emit_.push({.work = emit_.work(HostUpdate{parameters})});
  copy(replicas_.state().parameter, false);
}

}  // namespace forerun
