#include "strategies/block_program.hpp"

#include "strategies/block_passes.hpp"
#include "strategies/liveness.hpp"

namespace forerun {
namespace {

void count_parameters(const std::vector<Operator>& operators, BlockProgram& block) {
  block.runs_backward = operators.empty();  // nothing to train, but nothing frozen either
  for (const Operator& op : operators) {
    block.parameters += op.parameters - op.expert_parameters;
    block.expert_parameters += op.expert_parameters;
    block.frozen += op.frozen - op.frozen_experts;
    block.frozen_experts += op.frozen_experts;
    block.runs_backward |= !op.input_gradient.empty() || !op.weight_gradient.empty();
  }
}

BlockProgram lower(const BlockParts& parts, Bytes row) {
  BlockProgram block;
  count_parameters(parts.operators, block);
  BlockEmission emit(block, row, parts.operators.size());
  emit.begin(PassKind::forward);
  const ForwardTrace trace = ForwardPass(parts, emit)(Part::forward);
  const bool again = parts.mode == Recompute::full && block.runs_backward;
  emit.begin(PassKind::backward);
  BackwardPass(parts, emit, trace, false)(again);
  if (parts.apart) {
    BackwardPass apart(parts, emit, trace, true);
    emit.begin(PassKind::input_gradient);
    apart(again);
    emit.begin(PassKind::weight_gradient);
    apart.weights();
  }
  find_lifetimes(block, parts.has_input, parts.has_output);
  return block;
}

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
  return lower({.stack = given.stack, .operators = std::move(operators), .exchanges = std::move(exchanges), .mode = split.recompute, .apart = split.apart}, boundary_bytes(given, split));
}

BlockProgram lower_embedding(const Scenario& given, const Split& split) {
  const TokenShape shape = local_tokens(given.job, split, given.model.blocks.front());
  auto operators = embedding_operators(given.model, shard_vocab(given.model.vocab, split.tp), shape, implementation(given.stack, given.job));
  auto exchanges = block_exchanges(given, given.model.blocks.front(), split, shape, operators);
  return lower({.stack = given.stack, .operators = std::move(operators), .exchanges = std::move(exchanges), .apart = split.apart, .has_input = false}, boundary_bytes(given, split));
}

BlockProgram lower_head(const Scenario& given, const Split& split) {
  const TokenShape shape = local_tokens(given.job, split, given.model.blocks.back());
  auto operators = head_operators(given.model, shard_vocab(given.model.vocab, split.tp), shape, implementation(given.stack, given.job));
  auto exchanges = block_exchanges(given, given.model.blocks.back(), split, shape, operators);
  return lower({.stack = given.stack, .operators = std::move(operators), .exchanges = std::move(exchanges), .apart = split.apart, .has_output = false}, boundary_bytes(given, split));
}

}  // namespace forerun
