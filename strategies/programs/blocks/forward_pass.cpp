#include <algorithm>

#include "strategies/programs/blocks/block_passes.hpp"

namespace forerun {

ForwardTrace ForwardPass::operator()(Part part) {
  const std::vector<Operator>& operators = parts_.operators;
  part_ = part;
  trace_.input.resize(operators.size());
  trace_.input_bytes.resize(operators.size());
  trace_.kept.reserve(operators.size());
  for (const Operator& op : operators) trace_.kept.emplace_back(op.saves.size());
  if (parts_.has_input) carried_ = {BlockProgram::input};
  for (std::size_t i = 0; i < operators.size(); ++i) run(i);
  emit_.join();
  if (part == Part::forward && operators.empty())
    emit_.pass_on(carried_, parts_.has_output ? Tensors{BlockProgram::output} : Tensors{});
  return std::move(trace_);
}

Tensors ForwardPass::inputs_of(std::size_t i) {
  const OperatorKind kind = parts_.operators[i].kind;
  Tensors reads = carried_;
  if (is_residual(kind)) append(reads, skips_);
  if (kind == OperatorKind::shared_expert && parts_.operators[i - 1].kind != kind)
    trace_.routed = carried_, reads = before_routing_;
  if (kind == OperatorKind::combine) append(reads, trace_.routed);
  if (kind == OperatorKind::router) before_routing_ = carried_;
  for (const Exchange& exchange : parts_.exchanges[i].before) reads = emit_.change_hands(exchange, reads);
  return reads;
}

void ForwardPass::run(std::size_t i) {
  const Operator& op = parts_.operators[i];
  const OperatorExchanges& e = parts_.exchanges[i];
  if (opens_branch(op.kind)) skips_ = carried_;
  if (op.forward.empty()) return;
  Tensors reads = inputs_of(i);
  trace_.input_bytes[i] =
      is_residual(op.kind) || op.kind == OperatorKind::combine ? emit_[carried_.front()].bytes : emit_.bytes_of(reads);
  trace_.input[i] = standing_.empty() ? reads : std::exchange(standing_, {});
  Tensors writes = keep(i, reads);
  if (op.kind == OperatorKind::router) trace_.routing = writes;

  std::optional<TokenId> pieces, leaving;
  if (e.gather) {
    const Tensors whole = emit_.result_of(*e.gather, reads);
    if (e.gather->communication.hidden > 0) {
      pieces = emit_.issue(e.gather->communication, true, reads, whole);
    } else {
      emit_.wait(emit_.issue(e.gather->communication, false, reads, whole));
    }
    reads = whole;
  }
  if (e.beside) append(reads, emit_.blocking(*e.beside, reads));
  if (follows_routing(op.kind)) append(reads, trace_.routing);
  const Tensors made = output_of(i, writes);
  const Tensors reduced = !e.reduce                               ? Tensors{}
                          : e.reduce->received && end_of_block(i) ? Tensors{BlockProgram::output}
                                                                  : emit_.result_of(*e.reduce, made);
  if (e.reduce && e.reduce->communication.hidden > 0)
    leaving = emit_.issue(e.reduce->communication, true, made, reduced);
  emit_.run(op, e, part_, op.forward, reads, writes);
  if (e.statistics) static_cast<void>(emit_.blocking(*e.statistics, {*trace_.kept[i].back()}));
  if (pieces) emit_.wait(*pieces);
  if (e.reduce && !leaving) leaving = emit_.issue(e.reduce->communication, false, made, reduced);
  if (leaving) emit_.wait(*leaving);
  if (op.output > Bytes{0}) carried_ = e.reduce ? reduced : made;
  for (const Exchange& exchange : e.after) carried_ = emit_.change_hands(exchange, carried_);
}

// Finds where what the operator saves is: among its inputs, or written by itself. Returns what it writes.
Tensors ForwardPass::keep(std::size_t i, const Tensors& inputs) {
  const Operator& op = parts_.operators[i];
  Tensors writes;
  for (std::size_t j = 0; j < op.saves.size(); ++j) {
    const SavedTensor& saved = op.saves[j];
    if (!own(op, saved)) {
      const auto same =
          std::find_if(inputs.begin(), inputs.end(), [&](TensorId id) { return emit_[id].bytes == saved.bytes; });
      if (same != inputs.end()) {
        trace_.kept[i][j] = *same;
        if (*same != BlockProgram::input) emit_[*same].name = saved.name;
        continue;
      }
    }
    writes.push_back(emit_.tensor(saved.name, saved.bytes));
    trace_.kept[i][j] = writes.back();
  }
  return writes;
}

// The activation that it hands on: what it saves itself, where that is all of it.
Tensors ForwardPass::output_of(std::size_t i, Tensors& writes) {
  const Operator& op = parts_.operators[i];
  const OperatorExchanges& e = parts_.exchanges[i];
  if (op.output == Bytes{0}) return {};
  Tensors own_saves;
  Bytes sum{0};
  for (std::size_t j = 0; j < op.saves.size(); ++j) {
    if (op.saves[j].internal || op.saves[j].producer != op.kind) continue;
    own_saves.push_back(*trace_.kept[i][j]);
    sum += op.saves[j].bytes;
  }
  if (sum >= op.output) return own_saves;
  standing_ = own_saves;  // what of it the next operator needs again
  const bool changed_later = (e.reduce && e.reduce->received) || !e.after.empty();
  writes.push_back(end_of_block(i) && !changed_later ? BlockProgram::output : emit_.tensor("activation", op.output));
  return {writes.back()};
}

}  // namespace forerun
