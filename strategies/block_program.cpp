#include "strategies/block_program.hpp"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cassert>
#include <optional>
#include <utility>

#include "strategies/block_exchanges.hpp"
#include "strategies/liveness.hpp"

namespace forerun {
namespace {

using Tensors = boost::container::small_vector<TensorId, 6>;  // hardly ever more: a search lowers thousands of blocks

bool contains(const std::vector<OperatorKind>& list, OperatorKind kind) { return std::find(list.begin(), list.end(), kind) != list.end(); }
bool is_residual(OperatorKind kind) { return kind == OperatorKind::attention_residual || kind == OperatorKind::feed_forward_residual; }
bool opens_branch(OperatorKind kind) { return kind == OperatorKind::attention_norm || kind == OperatorKind::feed_forward_norm; }

// Writes instructions with what they read and write; liveness.hpp adds what lives how long.
class BlockLowering {
 public:
  BlockLowering(const Stack& stack, Bytes row, std::vector<Operator> operators, std::vector<OperatorExchanges> exchanges, Recompute mode)
      : stack_(stack), operators_(std::move(operators)), exchanges_(std::move(exchanges)), mode_(mode) {
    if (exchanges_.empty()) exchanges_.resize(operators_.size());
    reserve();
    for (const std::string_view name : {"input of a block", "output of a block", "gradient of a block's output", "gradient of a block's input"}) tensor(name, row);
    out_.runs_backward = operators_.empty();  // nothing to train, but nothing frozen either
    for (const Operator& op : operators_) {
      out_.parameters += op.parameters - op.expert_parameters;
      out_.expert_parameters += op.expert_parameters;
      out_.frozen += op.frozen - op.frozen_experts;
      out_.frozen_experts += op.frozen_experts;
      out_.runs_backward |= !op.input_gradient.empty() || !op.weight_gradient.empty();
    }
  }

  BlockProgram lower(bool has_input, bool has_output) {
    has_input_ = has_input, has_output_ = has_output;
    begin(PassKind::forward);
    forward(Part::forward);
    const Forward first = forward_;
    for (const PassKind pass : {PassKind::backward, PassKind::input_gradient}) {
      forward_ = first;
      backward(pass);
    }
    weights();
    find_lifetimes(out_, has_input, has_output);
    return std::move(out_);
  }

 private:
  // Where a run of the forward part left what backward needs.
  struct Forward {
    std::vector<Tensors> input;                              // of each operator, as W finds it: before it was gathered
    std::vector<Bytes> input_bytes;                          // as B makes its gradient
    std::vector<boost::container::small_vector<std::optional<TensorId>, 4>> kept;  // of each operator's saves
  };

  // Most blocks fit in this, so that nothing moves while it grows.
  void reserve() {
    const std::size_t n = operators_.size() + 1;
    out_.works.reserve(6 * n), out_.tensors.reserve(8 * n);
    for (Body& body : out_.passes) body.instructions.reserve(4 * n), body.operands.reserve(12 * n);
  }

  // --- emission ---------------------------------------------------------------------------------------------------------------------

  void begin(PassKind kind) {
    body_ = &out_.passes[static_cast<std::size_t>(kind)];
    body_->kind = kind;
    tokens_ = 0;
    beside_.clear();
  }
  TensorId tensor(std::string_view name, Bytes bytes) {
    out_.tensors.push_back({name, MemoryKind::transient, bytes});
    return static_cast<TensorId>(out_.tensors.size() - 1);
  }
  void push(Instruction instruction, const Tensors& reads, const Tensors& writes) {
    instruction.first_operand = static_cast<std::uint32_t>(body_->operands.size());
    instruction.reads = static_cast<std::uint16_t>(reads.size());
    instruction.writes = static_cast<std::uint16_t>(writes.size());
    body_->operands.insert(body_->operands.end(), reads.begin(), reads.end());
    body_->operands.insert(body_->operands.end(), writes.begin(), writes.end());
    body_->instructions.push_back(instruction);
  }
  std::uint32_t work(Work w) {
    out_.works.push_back(std::move(w));
    return static_cast<std::uint32_t>(out_.works.size() - 1);
  }
  void compute(const Operator& op, Part part, const std::vector<Kernel>& kernels, const Tensors& reads, const Tensors& writes) {
    push({.work = work(Computation{op.kind, part, kernels})}, reads, writes);
  }
  TokenId issue(const Communication& c, bool interleaved, const Tensors& reads, const Tensors& writes) {
    const TokenId token = ++tokens_;
    push({.lane = lane_of(c.flow), .interleaved = interleaved, .token = token, .work = work(c)}, reads, writes);
    return token;
  }
  void wait(TokenId token) { push({.code = Code::wait, .token = token}, {}, {}); }

  Tensors result_of(const Exchange& exchange, const Tensors& from) { return exchange.received ? Tensors{tensor(exchange.name, *exchange.received)} : from; }

  // What computation has to wait for at once hides nothing.
  Tensors blocking(const Exchange& exchange, const Tensors& from) {
    Communication c = exchange.communication;
    c.hidden = 0;
    const Tensors to = result_of(exchange, from);
    wait(issue(c, false, from, to));
    return to;
  }
  // In pieces with everything up to the end of the block, where the software can.
  Tensors change_hands(const Exchange& exchange, const Tensors& from) {
    if (exchange.communication.hidden == 0) return blocking(exchange, from);
    const Tensors to = result_of(exchange, from);
    beside_.push_back(issue(exchange.communication, true, from, to));
    return to;
  }
  void join() {
    for (const TokenId token : beside_) wait(token);
    beside_.clear();
  }

  // --- forward ----------------------------------------------------------------------------------------------------------------------

  // Whether forward leaves a tensor to be made again.
  [[nodiscard]] bool drops(const SavedTensor& saved) const {
    if (mode_ != Recompute::selective) return false;  // full: forward keeps nothing because nothing reads it
    return contains(saved.internal ? stack_.selective_inside : stack_.selective_outputs, saved.producer);
  }
  [[nodiscard]] static bool own(const Operator& op, const SavedTensor& saved) { return saved.internal || saved.producer == op.kind; }

  void forward(Part part) {
    forward_.input.assign(operators_.size(), {});
    forward_.input_bytes.assign(operators_.size(), Bytes{0});
    forward_.kept.clear();
    for (const Operator& op : operators_) forward_.kept.emplace_back(op.saves.size());
    carried_ = has_input_ ? Tensors{BlockProgram::input} : Tensors{};
    skips_.clear();
    routed_.clear();
    standing_.clear();
    for (std::size_t i = 0; i < operators_.size(); ++i) forward_of(i, part);
    join();
    if (part != Part::forward) return;
    if (operators_.empty()) push({.work = work(Computation{})}, carried_, has_output_ ? Tensors{BlockProgram::output} : Tensors{});
  }

  void forward_of(std::size_t i, Part part) {
    const Operator& op = operators_[i];
    const OperatorExchanges& e = exchanges_[i];
    if (opens_branch(op.kind)) skips_ = carried_;
    if (op.forward.empty()) return;
    Tensors reads = carried_;
    if (is_residual(op.kind)) reads.insert(reads.end(), skips_.begin(), skips_.end());
    if (op.kind == OperatorKind::shared_expert && operators_[i - 1].kind != op.kind) routed_ = carried_, reads = before_routing_;
    if (op.kind == OperatorKind::combine) reads.insert(reads.end(), routed_.begin(), routed_.end());
    if (op.kind == OperatorKind::router) before_routing_ = carried_;
    for (const Exchange& exchange : e.before) reads = change_hands(exchange, reads);
    forward_.input_bytes[i] = is_residual(op.kind) || op.kind == OperatorKind::combine ? out_.tensors[carried_.front()].bytes : bytes_of(reads);
    forward_.input[i] = standing_.empty() ? reads : std::exchange(standing_, {});
    Tensors writes = keep(i, reads);

    std::optional<TokenId> pieces, leaving;
    if (e.gather) {
      const Tensors whole = result_of(*e.gather, reads);
      if (e.gather->communication.hidden > 0) {
        pieces = issue(e.gather->communication, true, reads, whole);
      } else {
        wait(issue(e.gather->communication, false, reads, whole));
      }
      reads = whole;
    }
    if (e.beside) append(reads, blocking(*e.beside, reads));
    Tensors made = output_of(i, part, writes);
    const Tensors reduced = !e.reduce ? Tensors{} : e.reduce->received && end_of_block(i, part) ? Tensors{BlockProgram::output} : result_of(*e.reduce, made);
    if (e.reduce && e.reduce->communication.hidden > 0) leaving = issue(e.reduce->communication, true, made, reduced);
    run(i, part, op.forward, reads, writes);
    if (pieces) wait(*pieces);
    if (e.reduce && !leaving) leaving = issue(e.reduce->communication, false, made, reduced);
    if (leaving) wait(*leaving);
    if (op.output > Bytes{0}) carried_ = e.reduce ? reduced : made;
    for (const Exchange& exchange : e.after) carried_ = change_hands(exchange, carried_);
  }

  [[nodiscard]] bool end_of_block(std::size_t i, Part part) const { return part == Part::forward && has_output_ && i + 1 == operators_.size(); }
  static void append(Tensors& to, const Tensors& more) { to.insert(to.end(), more.begin(), more.end()); }

  // Finds where what the operator saves is: among its inputs, or written by itself. Returns what it writes.
  Tensors keep(std::size_t i, const Tensors& inputs) {
    const Operator& op = operators_[i];
    Tensors writes;
    for (std::size_t j = 0; j < op.saves.size(); ++j) {
      const SavedTensor& saved = op.saves[j];
      if (!own(op, saved)) {
        const auto same = std::find_if(inputs.begin(), inputs.end(), [&](TensorId id) { return out_.tensors[id].bytes == saved.bytes; });
        if (same != inputs.end()) {
          forward_.kept[i][j] = *same;
          if (*same != BlockProgram::input) out_.tensors[*same].name = saved.name;
          continue;
        }
      }
      writes.push_back(tensor(saved.name, saved.bytes));
      forward_.kept[i][j] = writes.back();
    }
    return writes;
  }

  // The activation that it hands on: what it saves itself, where that is all of it.
  Tensors output_of(std::size_t i, Part part, Tensors& writes) {
    const Operator& op = operators_[i];
    if (op.output == Bytes{0}) return {};
    Tensors own_saves;
    Bytes sum{0};
    for (std::size_t j = 0; j < op.saves.size(); ++j) {
      if (op.saves[j].internal || op.saves[j].producer != op.kind) continue;
      own_saves.push_back(*forward_.kept[i][j]);
      sum += op.saves[j].bytes;
    }
    if (sum >= op.output) return own_saves;
    standing_ = own_saves;  // what of it the next operator needs again
    const bool changed_later = exchanges_[i].reduce && exchanges_[i].reduce->received;
    const bool last = end_of_block(i, part) && !changed_later && exchanges_[i].after.empty();
    writes.push_back(last ? BlockProgram::output : tensor("activation", op.output));
    return {writes.back()};
  }

  // Kernels of an operator; of ring attention one piece at a time while the next keys and values arrive.
  void run(std::size_t i, Part part, const std::vector<Kernel>& kernels, const Tensors& reads, Tensors writes) {
    const Operator& op = operators_[i];
    const auto& ring = exchanges_[i].ring;
    const auto& thin = part == Part::input_gradient ? exchanges_[i].thin_gradient : exchanges_[i].thin;
    if (thin) wait(issue(*thin, false, reads, {}));
    if (op.workspace > Bytes{0}) writes.push_back(tensor("dequantised weight, or the second term of a sum", op.workspace));
    if (!ring) return compute(op, part, kernels, reads, writes);
    const bool back = part == Part::input_gradient;
    const Communication& message = back ? ring->backward : ring->forward;
    const auto steps = static_cast<std::size_t>(ring->steps);
    const std::size_t each = kernels.size() == steps + 1 ? 1 : 0;  // unfused attention is not cut: it runs when everything is there
    const auto at = [&](std::size_t n) { return kernels.begin() + static_cast<std::ptrdiff_t>(n); };
    // What is at work and what arrives.
    const std::string_view name = back ? "keys, values and their gradients on the ring" : "keys and values on the ring";
    const Bytes bytes = (back ? 2.0 : 1.0) * ring->arriving;
    const TensorId places[2] = {tensor(name, bytes), tensor(name, bytes)};
    for (std::size_t step = 0; step < steps; ++step) {
      std::optional<TokenId> token;
      Tensors sources = reads;
      if (step > 0) sources.push_back(places[step % 2]);
      if (step + 1 < steps) token = issue(message, false, sources, {places[(step + 1) % 2]});
      compute(op, part, {at(step * each), at((step + 1) * each)}, sources, step == 0 ? writes : Tensors{});
      if (token) wait(*token);
    }
    compute(op, part, {at(steps * each), kernels.end()}, reads, writes);  // the sum of the pieces
  }

  // --- backward ---------------------------------------------------------------------------------------------------------------------

  void backward(PassKind pass) {
    begin(pass);
    split_ = pass == PassKind::input_gradient;
    wide_.assign(operators_.size(), {});
    if (mode_ == Recompute::full && out_.runs_backward) forward(Part::recompute);
    gradient_ = has_output_ ? Tensors{BlockProgram::output_gradient} : Tensors{};
    skips_.clear();
    for (std::size_t i = operators_.size(); i-- > 0;) backward_of(i);
    join();
    const bool made = !gradient_.empty() && gradient_.back() == BlockProgram::input_gradient;
    Tensors rest = skips_;
    if (!made) append(rest, gradient_);
    if (has_input_ && !made) {
      push({.work = work(Computation{})}, rest, {BlockProgram::input_gradient});  // nothing to compute: what came goes on
    } else if (!rest.empty()) {
      push({.work = work(Computation{})}, rest, {});
    }
  }

  void backward_of(std::size_t i) {
    const Operator& op = operators_[i];
    const OperatorExchanges& e = exchanges_[i];
    if (mode_ == Recompute::selective) rebuild(i);
    if (is_residual(op.kind)) append(skips_, gradient_);
    for (const Exchange& exchange : e.before_gradient) gradient_ = change_hands(exchange, gradient_);
    if (op.input_gradient.empty() && op.weight_gradient.empty()) return;

    Tensors whole = gradient_;  // of the output
    std::optional<TokenId> pieces;
    if (e.gather_gradient) {
      whole = result_of(*e.gather_gradient, gradient_);
      const bool hides = e.gather_gradient->communication.hidden > 0;
      pieces = issue(e.gather_gradient->communication, hides, gradient_, whole);
      if (!hides) wait(*pieces), pieces.reset();
    }
    wide_[i] = whole;
    std::optional<TokenId> again;
    Tensors input = forward_.input[i];
    if (e.gather_again && !split_) std::tie(input, again) = gather_again(i);
    std::optional<TokenId> reducing;
    Tensors made = run_input_gradient(i, whole, reducing);
    if (pieces) wait(*pieces);
    if (again) wait(*again);
    if (!split_ && !op.weight_gradient.empty()) compute(op, Part::weight_gradient, op.weight_gradient, weight_reads(i, whole, input), gradient_of(op));
    if (reducing) wait(*reducing);
    if (!op.input_gradient.empty()) gradient_ = made;
    if (op.input_gradient.empty()) gradient_.clear();
    for (const Exchange& exchange : e.after_gradient) gradient_ = change_hands(exchange, gradient_);
    if (op.kind == OperatorKind::shared_expert && operators_[i - 1].kind != op.kind) {  // on to the routed experts
      append(skips_, gradient_);
      gradient_ = to_experts_;
    }
  }

  [[nodiscard]] std::size_t first_active() const {
    const auto active = [](const Operator& op) { return !op.input_gradient.empty(); };
    return static_cast<std::size_t>(std::find_if(operators_.begin(), operators_.end(), active) - operators_.begin());
  }

  // B, and the reduction of what it made.
  Tensors run_input_gradient(std::size_t i, const Tensors& whole, std::optional<TokenId>& reducing) {
    const Operator& op = operators_[i];
    const OperatorExchanges& e = exchanges_[i];
    if (op.input_gradient.empty()) return {};
    Tensors reads = whole;
    for (std::size_t j = 0; j < op.saves.size(); ++j) {
      if (!op.saves[j].until_weight_gradient || op.weight_gradient.empty()) reads.push_back(*forward_.kept[i][j]);
    }
    if (opens_branch(op.kind)) append(reads, std::exchange(skips_, {}));  // what went past the branch is added
    if (e.beside) append(reads, blocking(*e.beside, {}));
    const bool ends_here = i == first_active() && has_input_ && !e.reduce_gradient && e.after_gradient.empty();
    Tensors made{ends_here ? BlockProgram::input_gradient : tensor("gradient of an activation", gradient_bytes(i))};
    Tensors writes = made;
    if (e.beside_gradient) append(writes, result_of(*e.beside_gradient, {}));
    if (op.kind == OperatorKind::combine && !routed_.empty()) {  // two branches end here
      to_experts_ = {tensor("gradient of an activation", bytes_of(routed_))};
      append(writes, to_experts_);
    }
    run(i, Part::input_gradient, op.input_gradient, reads, writes);
    if (e.beside_gradient) wait(issue(e.beside_gradient->communication, false, {writes[1]}, {}));
    if (!e.reduce_gradient) return made;
    const Tensors reduced = result_of(*e.reduce_gradient, made);
    Communication c = e.reduce_gradient->communication;
    if (split_ || op.weight_gradient.empty()) c.hidden = 0;
    reducing = issue(c, false, made, reduced);
    if (c.hidden == 0) wait(*reducing), reducing.reset();
    return reduced;
  }

  // Of the operator's input, before any reduction.
  [[nodiscard]] Bytes gradient_bytes(std::size_t i) const { return exchanges_[i].gather ? *exchanges_[i].gather->received : forward_.input_bytes[i]; }
  [[nodiscard]] Bytes bytes_of(const Tensors& list) const {
    Bytes sum{0};
    for (const TensorId id : list) sum += out_.tensors[id].bytes;
    return sum;
  }

  std::pair<Tensors, std::optional<TokenId>> gather_again(std::size_t i) {
    const Exchange& exchange = *exchanges_[i].gather_again;
    const Tensors whole = result_of(exchange, {});
    Communication c = exchange.communication;
    if (split_) c.hidden = 0;
    const TokenId token = issue(c, false, saved_input(i), whole);
    if (c.hidden > 0) return {whole, token};
    wait(token);
    return {whole, std::nullopt};
  }

  // The copies of its input that the operator saved for W, perhaps in a narrower format; without any, what forward read.
  [[nodiscard]] Tensors saved_input(std::size_t i) const {
    Tensors copies;
    for (std::size_t j = 0; j < operators_[i].saves.size(); ++j) {
      const SavedTensor& saved = operators_[i].saves[j];
      if (!own(operators_[i], saved) && saved.until_weight_gradient) copies.push_back(*forward_.kept[i][j]);
    }
    return copies.empty() ? forward_.input[i] : copies;
  }

  [[nodiscard]] Tensors weight_reads(std::size_t i, const Tensors& whole, const Tensors& input) const {
    Tensors reads = whole;
    const Operator& op = operators_[i];
    for (std::size_t j = 0; j < op.saves.size(); ++j) {
      if (op.saves[j].until_weight_gradient || op.input_gradient.empty()) reads.push_back(*forward_.kept[i][j]);
    }
    const bool saves_input = std::any_of(op.saves.begin(), op.saves.end(), [&](const SavedTensor& saved) { return !own(op, saved) && saved.until_weight_gradient; });
    if (exchanges_[i].gather_again || !saves_input) append(reads, input);
    return reads;
  }

  Tensors gradient_of(const Operator& op) { return op.gradient_apart > Bytes{0} ? Tensors{tensor("weight gradient before it is added", op.gradient_apart)} : Tensors{}; }

  // Runs again what makes the dropped tensors that this operator's backward needs.
  void rebuild(std::size_t i) {
    for (std::size_t j = 0; j < operators_[i].saves.size(); ++j) {
      const SavedTensor& saved = operators_[i].saves[j];
      if (drops(saved) && !rebuilt(*forward_.kept[i][j])) rerun(saved.internal ? i : producer(i, saved.producer));
    }
  }
  [[nodiscard]] bool rebuilt(TensorId id) const { return std::find(rebuilt_.begin(), rebuilt_.end(), id) != rebuilt_.end(); }
  [[nodiscard]] std::size_t producer(std::size_t consumer, OperatorKind kind) const {
    for (std::size_t i = consumer + 1; i-- > 0;) {
      if (operators_[i].kind == kind) return i;
    }
    assert(false && "a saved tensor without its producer");
    return consumer;
  }
  void rerun(std::size_t p) {
    const Operator& op = operators_[p];
    for (std::size_t j = 0; j < op.saves.size(); ++j) {
      if (!own(op, op.saves[j]) && drops(op.saves[j]) && !rebuilt(*forward_.kept[p][j])) rerun(producer(p, op.saves[j].producer));
    }
    Tensors writes;
    for (std::size_t i = 0; i < operators_.size(); ++i) {
      for (std::size_t j = 0; j < operators_[i].saves.size(); ++j) {
        const SavedTensor& saved = operators_[i].saves[j];
        const bool made_here = saved.internal ? i == p : saved.producer == op.kind && producer(i, saved.producer) == p;
        if (!made_here || !drops(saved)) continue;
        const TensorId old = *forward_.kept[i][j];
        if (rebuilt(old)) continue;
        const TensorId fresh = tensor(saved.name, saved.bytes);
        rebuilt_.push_back(fresh);
        writes.push_back(fresh);
        replace(old, fresh);
      }
    }
    Tensors reads = forward_.input[p];
    if (exchanges_[p].gather) reads = blocking(*exchanges_[p].gather, reads);
    if (exchanges_[p].beside) append(reads, blocking(*exchanges_[p].beside, reads));
    run(p, Part::recompute, op.forward, reads, writes);
  }
  void replace(TensorId old, TensorId fresh) {
    for (auto& list : forward_.input) std::replace(list.begin(), list.end(), old, fresh);
    for (auto& list : forward_.kept) std::replace(list.begin(), list.end(), std::optional(old), std::optional(fresh));
  }

  // --- W on its own: the gradients of the outputs waited for it as the inputs did

  void weights() {
    begin(PassKind::weight_gradient);
    for (std::size_t i = operators_.size(); i-- > 0;) {
      const Operator& op = operators_[i];
      if (op.weight_gradient.empty()) continue;
      Tensors input = forward_.input[i];
      if (exchanges_[i].gather_again) input = gather_again(i).first;
      compute(op, Part::weight_gradient, op.weight_gradient, weight_reads(i, wide_[i], input), gradient_of(op));
    }
  }

  const Stack& stack_;
  std::vector<Operator> operators_;
  std::vector<OperatorExchanges> exchanges_;
  Recompute mode_;
  BlockProgram out_;
  bool has_input_ = true, has_output_ = true;

  Body* body_ = nullptr;
  TokenId tokens_ = 0;
  std::vector<TokenId> beside_;  // communication that goes on beside the rest of the block
  Forward forward_;
  Tensors carried_;              // the activation on its way to the next operator
  Tensors gradient_;             // of the output of the operator that comes next
  Tensors skips_;                // what goes past a branch
  Tensors before_routing_, routed_, to_experts_;
  Tensors standing_;             // what the last operator saved of its output
  std::vector<Tensors> wide_;    // gradient of each operator's output, as its kernels read it
  Tensors rebuilt_;
  bool split_ = false;
};

}  // namespace

std::vector<TensorId> saved_tensors(const BlockProgram& block) {
  const Body& body = block.pass(PassKind::forward);
  std::vector<bool> alive(block.tensors.size());
  alive[BlockProgram::input] = block.tensors[BlockProgram::input].kind == MemoryKind::activations;
  for (const Instruction& in : body.instructions) {
    for (std::uint32_t i = 0; i < in.allocates; ++i) alive[body.touches[in.first_touch + i]] = true;
    for (std::uint32_t i = 0; i < in.releases; ++i) alive[body.touches[in.first_touch + in.allocates + i]] = false;
  }
  alive[BlockProgram::output] = false;
  std::vector<TensorId> list;
  for (TensorId id = 0; id < alive.size(); ++id) {
    if (alive[id]) list.push_back(id);
  }
  return list;
}

Bytes boundary_bytes(const Scenario& given, const Split& split) {
  const std::int64_t tokens = split.micro_batch * shard_sizes(given.job.sequence, split.cp).largest;
  const std::int64_t rows = split.sp ? shard_sizes(tokens, split.tp).largest : tokens;
  return static_cast<double>(rows * given.model.hidden) * size_of(activation_dtype(given.job));
}

BlockProgram lower_block(const Scenario& given, const Block& whole, const Split& split, double load) {
  const Block local = shard(whole, split.tp, split.etp);
  const TokenShape shape = local_tokens(given.job, split, whole, load);
  const Implementation how = implementation(given.stack, given.job);
  std::vector<Operator> operators = block_operators(given.model, local, shape, how);
  if (split.cp > 1 && split.cp_kind == CpKind::ulysses) {  // the core sees all positions and a share of the heads
    const Block narrow = shard(whole, split.tp * split.cp, split.etp);
    const std::vector<Operator> inside = block_operators(given.model, narrow, all_positions(shape, split.cp), how);
    for (std::size_t i = 0; i < operators.size(); ++i) {
      if (operators[i].kind == OperatorKind::attention_core) operators[i] = inside[i];
    }
  }
  auto exchanges = block_exchanges(given, local, split, shape, operators);
  return BlockLowering(given.stack, boundary_bytes(given, split), std::move(operators), std::move(exchanges), split.recompute).lower(true, true);
}

BlockProgram lower_embedding(const Scenario& given, const Split& split) {
  const TokenShape shape = local_tokens(given.job, split, given.model.blocks.front());
  auto operators = embedding_operators(given.model, shard_vocab(given.model.vocab, split.tp), shape, implementation(given.stack, given.job));
  auto exchanges = block_exchanges(given, given.model.blocks.front(), split, shape, operators);
  return BlockLowering(given.stack, boundary_bytes(given, split), std::move(operators), std::move(exchanges), Recompute::none).lower(false, true);
}

BlockProgram lower_head(const Scenario& given, const Split& split) {
  const TokenShape shape = local_tokens(given.job, split, given.model.blocks.back());
  auto operators = head_operators(given.model, shard_vocab(given.model.vocab, split.tp), shape, implementation(given.stack, given.job));
  auto exchanges = block_exchanges(given, given.model.blocks.back(), split, shape, operators);
  return BlockLowering(given.stack, boundary_bytes(given, split), std::move(operators), std::move(exchanges), Recompute::none).lower(true, false);
}

}  // namespace forerun
