// The backward pass of a block: its operators in reverse order, with the exchanges around each.
//
// In comes the gradient of the block's output and the trace of forward; out goes the gradient of its input. Each
// operator runs B, which makes the gradient of its input from that of its output, and W, which makes the gradient of
// its weights from the gradient of the output and the input that forward kept. A schedule that splits backward has the
// two in passes of their own: first B of all operators, later W of all (weights()), until when the gradients of the
// outputs wait. A frozen weight has no W; where nothing here or below is trained, the gradient ends.
//
// Around one operator, in this order: selective recompute makes again what the operator reads of what forward let go
// (rebuilding.cpp; full recompute has run all of forward again at the beginning); exchanges hand the gradient of the
// output to other ranks; it is gathered, for a product that is cut by rows; the input is gathered again for W; B runs
// and overlaps both; the input's gradient is reduced, for a product that is cut by columns; W runs and overlaps the
// reduction; exchanges hand the input's gradient to other ranks.
//
// The gradient that enters a residual sum also goes past its branch, and is added by the operator that opened the
// branch. The operator that combines experts' results makes two gradients: the shared expert runs with the first; then
// the routed experts run with the second, and what the shared expert made goes past them to the same place.
#include <algorithm>
#include <tuple>

#include "strategies/programs/blocks/block_passes.hpp"

namespace forerun {

void BackwardPass::operator()() {
  wide_.resize(parts_.operators.size());
  if (mode_ == Recompute::full && parts_.runs_backward) trace_ = ForwardPass(parts_, emit_)(Part::recompute);
  if (parts_.has_output) gradient_ = {BlockProgram::output_gradient};
  for (std::size_t i = parts_.operators.size(); i-- > 0;) run(i);
  emit_.join();
  finish();
}

// What is left of the gradients ends here, or goes on as the gradient of the input.
void BackwardPass::finish() {
  const bool made = !gradient_.empty() && gradient_.back() == BlockProgram::input_gradient;
  Tensors rest = skips_;
  if (!made) append(rest, gradient_);
  if (parts_.has_input && !made) {
    emit_.pass_on(rest, {BlockProgram::input_gradient});
  } else if (!rest.empty()) {
    emit_.pass_on(rest, {});
  }
}

void BackwardPass::run(std::size_t i) {
  const Operator& op = parts_.operators[i];
  const OperatorExchanges& e = parts_.exchanges[i];
  if (mode_ == Recompute::selective) rebuild_(i);
  if (op.branch == Branch::closes) append(skips_, gradient_);
  for (const Exchange& exchange : e.before_gradient) gradient_ = emit_.change_hands(exchange, gradient_);
  if (op.input_gradient.empty() && op.weight_gradient.empty()) return;

  std::optional<TokenId> gathering, again, reducing;
  wide_[i] = gather_gradient(i, gathering);
  Tensors input = trace_.input[i];
  if (e.gather_again && !split_) std::tie(input, again) = gather_again(i);
  const Tensors made = run_input_gradient(i, reducing);
  if (gathering) emit_.wait(*gathering);
  if (again) emit_.wait(*again);
  if (!split_) run_weight_gradient(i, input);
  if (reducing) emit_.wait(*reducing);
  gradient_ = made;
  for (const Exchange& exchange : e.after_gradient) gradient_ = emit_.change_hands(exchange, gradient_);
  if (op.routing == TokenRouting::bypasses) {  // on to the routed experts
    append(skips_, gradient_);
    gradient_ = to_experts_;
  }
}

// The output's gradient as the kernels read it. `gathering` is set where they overlap the gather.
Tensors BackwardPass::gather_gradient(std::size_t i, std::optional<TokenId>& gathering) {
  const std::optional<Exchange>& exchange = parts_.exchanges[i].gather_gradient;
  if (!exchange) return gradient_;
  const Tensors whole = emit_.result_of(*exchange, gradient_);
  const bool overlapped = exchange->communication.hidden > 0;
  const TokenId token = emit_.issue(exchange->communication, overlapped, gradient_, whole);
  if (overlapped) {
    gathering = token;
  } else {
    emit_.wait(token);
  }
  return whole;
}

std::size_t BackwardPass::first_active() const {
  const auto active = [](const Operator& op) { return !op.input_gradient.empty(); };
  return static_cast<std::size_t>(std::find_if(parts_.operators.begin(), parts_.operators.end(), active) -
                                  parts_.operators.begin());
}

// B, and the reduction of what it made.
Tensors BackwardPass::run_input_gradient(std::size_t i, std::optional<TokenId>& reducing) {
  const Operator& op = parts_.operators[i];
  const OperatorExchanges& e = parts_.exchanges[i];
  if (op.input_gradient.empty()) return {};
  Tensors reads = wide_[i];
  for (std::size_t j = 0; j < op.saves.size(); ++j) {
    if (!op.saves[j].until_weight_gradient || op.saves[j].internal || op.weight_gradient.empty())
      reads.push_back(*trace_.kept[i][j]);
  }
  if (op.branch == Branch::opens) append(reads, std::exchange(skips_, {}));  // what went past the branch is added
  if (e.gather_keys) append(reads, emit_.blocking(*e.gather_keys, {saved_queries(i)}));
  if (reads_routing(op)) append(reads, trace_.routing);
  const bool ends_here = i == first_active() && parts_.has_input && !e.reduce_gradient && e.after_gradient.empty();
  const Tensors made{ends_here ? BlockProgram::input_gradient
                               : emit_.tensor("gradient of an activation", gradient_bytes(i))};
  const Tensors all_keys = e.scatter_keys ? emit_.result_of(*e.scatter_keys, {}) : Tensors{};
  Tensors writes = made;
  append(writes, all_keys);
  if (op.routing == TokenRouting::combines && !trace_.routed.empty()) {  // two branches end here
    to_experts_ = {emit_.tensor("gradient of an activation", emit_.bytes_of(trace_.routed))};
    append(writes, to_experts_);
  }
  emit_.run(op, e, Part::input_gradient, op.input_gradient, reads, writes);
  if (e.scatter_keys) emit_.wait(emit_.issue(e.scatter_keys->communication, false, all_keys, made));
  return e.reduce_gradient ? reduce_gradient(i, made, reducing) : made;
}

// What attention saved of queries, keys and values.
TensorId BackwardPass::saved_queries(std::size_t i) const {
  const std::vector<SavedTensor>& saves = parts_.operators[i].saves;
  const auto found = std::find_if(saves.begin(), saves.end(), [](const SavedTensor& saved) { return !saved.internal; });
  return *trace_.kept[i][static_cast<std::size_t>(found - saves.begin())];
}

Tensors BackwardPass::reduce_gradient(std::size_t i, const Tensors& made, std::optional<TokenId>& reducing) {
  const Exchange& exchange = *parts_.exchanges[i].reduce_gradient;
  const Tensors reduced = emit_.result_of(exchange, made);
  Communication c = exchange.communication;
  if (split_ || parts_.operators[i].weight_gradient.empty()) c.hidden = 0;
  const TokenId token = emit_.issue(c, false, made, reduced);
  if (c.hidden > 0) {
    reducing = token;
  } else {
    emit_.wait(token);
  }
  return reduced;
}

// Of the operator's input, before any reduction.
Bytes BackwardPass::gradient_bytes(std::size_t i) const {
  const OperatorExchanges& e = parts_.exchanges[i];
  return e.gather ? e.whole_gradient : trace_.input_bytes[i];
}

std::pair<Tensors, std::optional<TokenId>> BackwardPass::gather_again(std::size_t i) {
  const Exchange& exchange = *parts_.exchanges[i].gather_again;
  const Tensors whole = emit_.result_of(exchange, {});
  Communication c = exchange.communication;
  if (split_) c.hidden = 0;
  const TokenId token = emit_.issue(c, false, saved_input(i), whole);
  if (c.hidden > 0) return {whole, token};
  emit_.wait(token);
  return {whole, std::nullopt};
}

// The copies of its input that the operator saved for W, perhaps in a narrower format; without any, what forward read.
Tensors BackwardPass::saved_input(std::size_t i) const {
  const Operator& op = parts_.operators[i];
  Tensors copies;
  for (std::size_t j = 0; j < op.saves.size(); ++j) {
    if (!own(op, op.saves[j]) && op.saves[j].until_weight_gradient) copies.push_back(*trace_.kept[i][j]);
  }
  return copies.empty() ? trace_.input[i] : copies;
}

Tensors BackwardPass::weight_reads(std::size_t i, const Tensors& input) const {
  const Operator& op = parts_.operators[i];
  Tensors reads = wide_[i];
  for (std::size_t j = 0; j < op.saves.size(); ++j) {
    if (op.saves[j].until_weight_gradient || op.input_gradient.empty()) reads.push_back(*trace_.kept[i][j]);
  }
  const bool saves_input = std::any_of(op.saves.begin(), op.saves.end(), [&](const SavedTensor& saved) {
    return !own(op, saved) && saved.until_weight_gradient;
  });
  if (parts_.exchanges[i].gather_again || !saves_input) append(reads, input);
  return reads;
}

void BackwardPass::run_weight_gradient(std::size_t i, const Tensors& input) {
  const Operator& op = parts_.operators[i];
  if (op.weight_gradient.empty()) return;
  const Tensors reads = weight_reads(i, input);
  const Tensors apart = op.gradient_apart > Bytes{0}
                            ? Tensors{emit_.tensor("weight gradient before it is added", op.gradient_apart)}
                            : Tensors{};
  emit_.compute(op, Part::weight_gradient, op.weight_gradient, reads, apart);
}

// The gradients of the outputs waited for it as the inputs did.
void BackwardPass::weights() {
  for (std::size_t i = parts_.operators.size(); i-- > 0;) {
    if (parts_.operators[i].weight_gradient.empty()) continue;
    run_weight_gradient(i, parts_.exchanges[i].gather_again ? gather_again(i).first : trace_.input[i]);
  }
}

}  // namespace forerun
