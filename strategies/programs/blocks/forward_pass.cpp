// The forward pass of a block: its operators in order, with the exchanges around each.
//
// In comes the input of the block (the embedding has none); out goes its output (the head has none), and a trace of
// where backward finds what it needs. One activation is carried from operator to operator. What enters the operator
// that opens a residual branch also goes past the branch, to the operator that closes it and adds it. In a mixture the
// input of the router goes a second way, to the shared expert, and the operator that combines results joins both ways.
//
// Around one operator, in this order: exchanges hand its input to other ranks; the whole input is gathered, for a
// product that is cut by columns; its kernels run; partial sums are reduced, for a product that is cut by rows;
// exchanges hand its output to other ranks. Where the software can overlap gather and reduction with the kernels, they
// are issued before the kernels, go in pieces, and are waited for behind them.
//
// What backward will read is kept once: a saved tensor that is an input of the operator stays as it is, any other one
// is written by the operator. What the trace does not lead to is released after its last use (liveness.hpp). Full
// recompute runs the same walk a second time at the beginning of backward, with Part::recompute, and takes its trace
// instead of the first.
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
  const Operator& op = parts_.operators[i];
  Tensors reads = carried_;
  if (op.branch == Branch::closes) append(reads, skips_);
  if (op.routing == TokenRouting::chooses) router_input_ = carried_;
  if (op.routing == TokenRouting::bypasses) {
    trace_.routed = carried_;
    reads = router_input_;
  }
  if (op.routing == TokenRouting::combines) append(reads, trace_.routed);
  for (const Exchange& exchange : parts_.exchanges[i].before) reads = emit_.change_hands(exchange, reads);
  return reads;
}

void ForwardPass::run(std::size_t i) {
  const Operator& op = parts_.operators[i];
  const OperatorExchanges& e = parts_.exchanges[i];
  if (op.branch == Branch::opens) skips_ = carried_;
  if (op.forward.empty()) return;
  Tensors reads = inputs_of(i);
  // Operands of a sum have one gradient: that of what was carried here.
  const bool sums = op.branch == Branch::closes || op.routing == TokenRouting::combines;
  trace_.input_bytes[i] = sums ? emit_[carried_.front()].bytes : emit_.bytes_of(reads);
  trace_.input[i] = standing_.empty() ? reads : std::exchange(standing_, {});
  Tensors writes = keep(i, reads);
  if (op.routing == TokenRouting::chooses) trace_.routing = writes;

  const std::optional<TokenId> gathering = gather_input(i, reads);
  if (e.gather_keys) append(reads, emit_.blocking(*e.gather_keys, reads));
  if (reads_routing(op)) append(reads, trace_.routing);
  const Tensors made = output_of(i, writes);
  const Tensors sum = reduced(i, made);
  std::optional<TokenId> reducing;
  if (e.reduce && e.reduce->communication.hidden > 0) reducing = emit_.issue(e.reduce->communication, true, made, sum);
  emit_.run(op, e, part_, op.forward, reads, writes);
  if (e.statistics) static_cast<void>(emit_.blocking(*e.statistics, {*trace_.kept[i].back()}));
  if (gathering) emit_.wait(*gathering);
  if (e.reduce && !reducing) reducing = emit_.issue(e.reduce->communication, false, made, sum);
  if (reducing) emit_.wait(*reducing);
  if (op.output > Bytes{0}) carried_ = sum;
  for (const Exchange& exchange : e.after) carried_ = emit_.change_hands(exchange, carried_);
}

// The kernels read the gathered input. A token is returned where they overlap the gather.
std::optional<TokenId> ForwardPass::gather_input(std::size_t i, Tensors& reads) {
  const std::optional<Exchange>& gather = parts_.exchanges[i].gather;
  if (!gather) return std::nullopt;
  const Tensors whole = emit_.result_of(*gather, reads);
  const bool overlapped = gather->communication.hidden > 0;
  const TokenId token = emit_.issue(gather->communication, overlapped, reads, whole);
  reads = whole;
  if (overlapped) return token;
  emit_.wait(token);
  return std::nullopt;
}

// The sum of what the ranks of a tensor group made; without partial sums, what was made.
Tensors ForwardPass::reduced(std::size_t i, const Tensors& made) {
  const std::optional<Exchange>& reduce = parts_.exchanges[i].reduce;
  if (!reduce) return made;
  if (reduce->received && end_of_block(i)) return {BlockProgram::output};
  return emit_.result_of(*reduce, made);
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
