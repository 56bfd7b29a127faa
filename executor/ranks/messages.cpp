#include "executor/ranks/messages.hpp"

#include <stdexcept>
#include <utility>

#include "strategies/plan/chunks.hpp"

namespace forerun {

Messages::Messages(RankContext& context, RankClock& clock, RankNumbers& numbers)
    : context_(context),
      clock_(clock),
      numbers_(numbers),
      groups_(context),
      buffers_(context.memory.allocate("buffers of sends",
                                       static_cast<std::int64_t>(context.stage.held.communication.value()),
                                       tag_of(&StageMemory::communication))) {}

void Messages::begin_step() {
  traffic_ = {};
  groups_.forget_marks();
}

void Messages::counted(Flow flow, Communicator& among, const std::function<void()>& work) {
  const CommunicationCounts before = among.counts();
  work();
  const CommunicationCounts& after = among.counts();
  const std::scoped_lock lock(traffic_mutex_);
  for (std::size_t i = 0; i < communication_kinds; ++i) {
    traffic_[flow].api += Bytes{static_cast<double>(after[i].api_bytes - before[i].api_bytes)};
    traffic_[flow].wire += Bytes{static_cast<double>(after[i].wire_bytes - before[i].wire_bytes)};
  }
}

// Replicas talk beside computation where the Program lets them; the rest stops it: it shares the workspace.
void Messages::communicate(const Communication& c) {
  const Lane lane = context_.cursor.instruction->lane;
  Seconds* const stops = &clock_.times().exposed_in(dimension_of(c.flow));
  if (c.group == GroupKind::next_stage) return clock_.time(lane, true, {stops}, [&] { send(c); });
  Communicator& among = groups_.group(c.group, lane);
  if (c.units && lane == Lane::dp) return exchange_replicas(c, among, stops);
  clock_.time(lane, true, {stops}, [&] { counted(c.flow, among, [&] { numbers_.exchange(c, among); }); });
}

void Messages::exchange_replicas(const Communication& c, Communicator& among, Seconds* stops) {
  const auto work = [this, flow = c.flow, &among, exchange = numbers_.exchange_replicas(c, among)] {
    counted(flow, among, exchange);
  };
  const bool can_run_beside = among.queues() || !context_.backend.queues();
  if (c.hidden == 0 || !context_.options.background || !can_run_beside)
    return clock_.time(Lane::dp, true, {stops}, work);
  const TokenId token = context_.cursor.instruction->token;
  if (among.queues()) {
    issued_[token] = {.stops = stops, .work = clock_.beside(static_cast<int>(Lane::dp), Lane::dp, work)};
  } else {
    issued_[token] = on_a_thread(work, stops);
  }
}

Messages::Issued Messages::on_a_thread(std::function<void()> work, Seconds* stops) {
  if (!replicas_talk_) replicas_talk_ = std::make_unique<LaneWorker>(context_.world);
  auto one = std::make_shared<RankClock::Timed>(clock_.start(Lane::dp, false, {}));
  const std::uint64_t number =
      replicas_talk_->issue([&backend = context_.backend, one, work = std::move(work), here = context_.where()] {
        one->begin = backend.mark();
        try {
          work();
        } catch (const std::exception& error) {  // computation is at another instruction meanwhile
          throw std::runtime_error(here + ": " + error.what());
        }
        one->end = backend.mark();
      });
  return {stops, number, one};
}

void Messages::wait(TokenId token) {
  const auto found = issued_.find(token);
  if (found == issued_.end()) return;  // done at its issue
  const Issued issued = found->second;
  issued_.erase(found);
  clock_.time(Lane::dp, true, {issued.stops}, [&] {
    if (issued.number > 0) {
      replicas_talk_->wait(issued.number);
    } else {
      context_.backend.follow(issued.work->end);
    }
  });
  if (clock_.records()) clock_.add(*issued.work);
}

Elements Messages::elements_of(TensorId id) {
  const std::span<std::byte> bytes = context_.tensor<std::byte>(id);
  const DType format = context_.format();
  return {bytes.data(), std::ssize(bytes) / static_cast<std::int64_t>(size_of(format).value()), format};
}

void Messages::send(const Communication& c) {
  const Plan& plan = context_.plan;
  const Body& body = *context_.cursor.body;
  const Lane lane = lane_of(c.flow);
  const bool forward = lane == Lane::pp_forward;
  const int up = direction_of(plan, *body.chunk);
  const int receiver = local_chunk(plan, chunk_on(plan, context_.at.pp, *body.chunk) + (forward ? 1 : -1), up);
  Neighbours& to = groups_.neighbours(lane, receiver, *body.to_stage > context_.at.pp);
  Elements message = elements_of(context_.cursor.reads()[0]);
  const std::byte* from = message.data;
  message.data = buffers_.as<std::byte>().data() + (forward ? 0 : message.bytes());
  if (to.among->queues()) {  // what is in line needs its memory longer: each has its own, beside what is counted
    if (to.buffer.bytes() < message.bytes()) to.buffer = context_.uncounted.allocate("message", message.bytes());
    message.data = to.buffer.as<std::byte>().data();
    if (to.sent) context_.backend.follow(*to.sent);  // it is free again
  }
  context_.backend.copy(from, message.data, message.bytes());
  counted(c.flow, *to.among, [&] {
    const auto go = [&] { to.among->send(*body.to_stage, message); };
    if (to.among->queues()) {
      to.sent = clock_.beside(to.lane, lane, go)->end;
    } else {
      go();
    }
  });
}

void Messages::receive() {
  const Body& body = *context_.cursor.body;
  const Instruction& in = *context_.cursor.instruction;
  Neighbours& from = groups_.neighbours(in.lane, *body.chunk, context_.at.pp > *body.from_stage);
  Seconds* const stops = &clock_.times().bubble;
  const Elements message = elements_of(context_.cursor.writes()[0]);
  const auto take = [&] { from.among->receive(*body.from_stage, message); };
  if (!from.among->queues()) return clock_.time(in.lane, true, {stops}, take);
  issued_[in.token] = {.stops = stops, .work = clock_.beside(from.lane, in.lane, take)};
}

}  // namespace forerun
