// RankExecutor: what the stages of a pipeline send each other.
#pragma once

#include "executor/ranks/rank_executor.hpp"
#include "executor/ranks/rank_instructions.hpp"
#include "strategies/plan/chunks.hpp"
#include "strategies/programs/work_price.hpp"

namespace forerun {

template <class T>
typename RankExecutor<T>::Neighbours& RankExecutor<T>::neighbours(Lane lane, int chunk, int from_stage, int to_stage) {
  return neighbours_.at({lane, chunk, to_stage > from_stage});
}

// NCCL connects two ranks at their first message, and the host of either waits there for the other's. Where both send
// first (DualPipe) they would wait for ever: so they meet in calls that send and receive at once.
template <class T>
void RankExecutor<T>::greet(const Neighbours& stages) {
  Communicator& among = *stages.among;
  const int n = among.size(), own = among.rank();
  if (!among.queues() || n == 1) return;
  const Allocation out = uncounted_.allocate("greeting", sizeof(T)), in = uncounted_.allocate("greeting", sizeof(T));
  backend_.use_lane(stages.lane);
  backend_.clear(out.as<T>().data(), sizeof(T));
  for (const int step : {1, n - 1})
    among.shift((own + step) % n, Elements(out.as<T>()), (own + n - step) % n, Elements(in.as<T>()));
  backend_.use_lane(0);
  backend_.finish();
}

template <class T>
void RankExecutor<T>::send(const Communication& c) {
  const Lane lane = lane_of(c.flow);
  const bool forward = lane == Lane::pp_forward;
  const int up = direction_of(plan_, *body_->chunk);
  const int receiver = local_chunk(plan_, chunk_on(plan_, pp_rank_, *body_->chunk) + (forward ? 1 : -1), up);
  const std::span<T> from = read(0);
  Neighbours& to = neighbours(lane, receiver, pp_rank_, *body_->to_stage);
  std::span<T> buffer = buffers_.as<T>().subspan(forward ? 0 : from.size(), from.size());
  if (to.among->queues()) {  // what is in line needs its memory longer: each has its own, beside what is counted
    const auto bytes = static_cast<std::int64_t>(from.size_bytes());
    if (to.buffer.bytes() < bytes) to.buffer = uncounted_.allocate("message", bytes);
    buffer = to.buffer.template as<T>().first(from.size());
    if (to.sent) backend_.follow(*to.sent);  // it is free again
  }
  copy<T>(backend_, from, buffer);
  const CommunicationCounts before = to.among->counts();
  const auto go = [&] { to.among->send(*body_->to_stage, Elements(buffer)); };
  if (to.among->queues()) {
    to.sent = beside(to.lane, lane, go)->end;
  } else {
    go();
  }
  count(c.flow, before, to.among->counts());
}

template <class T>
void RankExecutor<T>::receive() {
  const Lane lane = instruction_->lane;
  Neighbours& from = neighbours(lane, *body_->chunk, *body_->from_stage, pp_rank_);
  const auto take = [&] { from.among->receive(*body_->from_stage, Elements(written(0))); };
  if (!from.among->queues()) return timed(lane, true, {&report_.bubble}, take);
  issued_[instruction_->token] = {.stops = &report_.bubble, .work = beside(from.lane, lane, take)};
}

}  // namespace forerun
