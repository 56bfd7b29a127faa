#include "strategies/programs/steps/stage_messages.hpp"

namespace forerun {

void StageMessages::receive(std::optional<int> from, Lane lane, TensorId id) {
  if (!from || from == emit_.program().stage) return;
  emit_.body().from_stage = from;
  emit_.push({.code = Code::receive, .lane = lane, .token = token_}, {.writes = {id}, .allocates = {id}});
  emit_.wait(token_);
}

void StageMessages::send(std::optional<int> to, Flow flow, TensorId id) {
  if (!to || to == emit_.program().stage) return;
  emit_.body().to_stage = to;
  const Communication message = pipeline_message(given_, plan_, flow, emit_.program().tensors[id].bytes);
  emit_.push({.lane = lane_of(flow), .work = emit_.work(message)}, {.reads = {id}, .releases = {id}});
}

}  // namespace forerun
