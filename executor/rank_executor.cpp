#include "executor/rank_executor.hpp"

#include <algorithm>
#include <stdexcept>

#include "executor/ranks/numbers/numbers_of.hpp"
#include "runtime/cpu/instantiate.hpp"

namespace forerun {
namespace {

bool writes(const Cursor& cursor, TensorId id) {
  return std::ranges::find(cursor.writes(), id) != cursor.writes().end();
}

}  // namespace

RankExecutor::RankExecutor(const PricedScenario& scenario, const Program& program, const RankPlace& place,
                           const RunOptions& options)
    : context_(scenario, program, place, options),
      clock_(context_),
      experts_(context_, clock_),
      numbers_(make_numbers(context_, experts_)),
      messages_(context_, clock_, *numbers_) {
  report_.rank = context_.rank;
  report_.stage = context_.at.pp;
}

template <class T>
FlatWeights<T>& RankExecutor::weights() {
  return dynamic_cast<NumbersOf<T>&>(*numbers_).weights();
}
#define FORERUN_WEIGHTS(T) template FlatWeights<T>& RankExecutor::weights<T>();
FORERUN_FOR_EACH_NUMBER(FORERUN_WEIGHTS)

void RankExecutor::set_last(double loss, Seconds time) {
  report_.losses.back() = loss;
  report_.steps.back() = std::chrono::nanoseconds(static_cast<std::int64_t>(time.value() * 1e9));
}

void RankExecutor::step(bool update) {
  const bool last = context_.step + 1 == context_.options.steps;
  context_.memory.forget();
  context_.uncounted.forget();
  context_.updates = update;
  experts_.begin_step();
  messages_.begin_step();
  clock_.begin_step(context_.options.record && last);
  for (const Call& call : context_.stage.calls) perform(context_.stage.bodies[call.body], call);
  clock_.end_step();
  write_report();
  ++context_.step;
}

void RankExecutor::write_report() {
  report_.steps.push_back(clock_.step());
  report_.losses.push_back(numbers_->take_losses());
  report_.times = clock_.times();
  report_.traffic = messages_.traffic();
  report_.expert_rows = experts_.drawn();
  report_.expert_rows_promised = experts_.promised();
  if (clock_.records()) clock_.record(report_);
  const std::vector<std::int64_t> peak = context_.memory.peak_by_tag();
  report_.peak = {};
  std::copy_n(peak.begin(), std::min(peak.size(), memory_categories.size()), report_.peak.begin());
}

void RankExecutor::perform(const Body& body, const Call& call) {
  context_.cursor.body = &body;
  context_.cursor.micro_batch = call.micro_batch;
  for (const Instruction& in : body.instructions) perform(in);
  context_.cursor.instruction = nullptr;
}

void RankExecutor::perform(const Instruction& in) {
  context_.cursor.instruction = &in;
  clock_.move_memory_here();
  for (const TensorId id : context_.cursor.allocates()) allocate(id);
  switch (in.code) {
    case Code::run:
      run(in);
      break;
    case Code::wait:
      messages_.wait(in.token);
      break;
    case Code::receive:
      messages_.receive();
      break;
  }
  clock_.move_memory_here();
  for (const TensorId id : context_.cursor.releases()) release(id);
  context_.workspace.end_instruction();
}

void RankExecutor::run(const Instruction& in) {
  const Work& work = context_.stage.works[in.work];
  if (const Communication* c = std::get_if<Communication>(&work)) return messages_.communicate(*c);
  if (const Computation* c = std::get_if<Computation>(&work)) {
    return clock_.time(Lane::compute, false, {&clock_.times().computation}, [&] { numbers_->compute(*c); });
  }
  if (std::holds_alternative<FrameworkFloor>(work)) return;
  throw std::logic_error("copies to the host are not executed");
}

// Rows that experts draw are as many as the router says.
void RankExecutor::allocate(TensorId id) {
  const Tensor& tensor = context_.stage.tensors[id];
  auto bytes = static_cast<std::int64_t>(tensor.bytes.value());
  const std::optional<ExpertRows::Written> rows = experts_.written();
  if (rows && rows->promised > 0 && writes(context_.cursor, id)) bytes = bytes / rows->promised * rows->number;
  context_.memory_of(id) = context_.memory.allocate(tensor.name, bytes, tag_of(tensor.kind));
  numbers_->begin_tensor(id);
}

void RankExecutor::release(TensorId id) {
  numbers_->end_tensor(id);
  context_.memory_of(id) = Allocation();
}

}  // namespace forerun
