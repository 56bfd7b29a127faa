#include "strategies/programs/blocks/lower_block.hpp"

#include "base/shard_sizes.hpp"
#include "strategies/programs/blocks/block_passes.hpp"
#include "strategies/programs/blocks/liveness.hpp"

namespace forerun {
namespace {

// Of a residual stream of that width: the tokens of a micro-batch on this rank.
Bytes row_bytes(const Scenario& given, const MicroBatch& batch, const Split& split, int hidden) {
  const std::int64_t tokens = largest_share_of(batch, split.cp);
  const std::int64_t rows = split.sp ? shard_sizes(tokens, split.tp).largest : tokens;
  return static_cast<double>(rows * hidden) * size_of(activation_dtype(given.job));
}

BlockParts parts(const Scenario& given, const MicroBatch& batch, int hidden, const Split& split,
                 const TokenShape& shape, std::vector<Operator> operators) {
  BlockParts list{.stack = given.stack,
                  .operators = {},
                  .exchanges = block_exchanges(given, hidden, split, shape, operators),
                  .row = row_bytes(given, batch, split, hidden)};
  list.runs_backward = operators.empty();  // nothing to train, but nothing frozen either
  for (const Operator& op : operators) list.runs_backward |= !op.input_gradient.empty() || !op.weight_gradient.empty();
  list.operators = std::move(operators);
  return list;
}

void count(const BlockParts& parts, BlockProgram& block) {
  for (const Operator& op : parts.operators) {
    block.parameters += op.parameters - op.expert_parameters;
    block.expert_parameters += op.expert_parameters;
    block.replicated += op.replicated;
    if (op.weight_gradient.empty()) block.early += op.parameters;
    block.frozen += op.frozen - op.frozen_experts;
    block.frozen_experts += op.frozen_experts;
    if (op.core) block.visible = op.core->visible;
  }
}

// A tied table is the embedding's; a head on its device borrows it.
void tie_embedding(const Scenario& given, const Split& split, BlockProgram& block) {
  if (given.model.tied_embeddings && !has_frozen_base(given.job.tuning))
    block.table = table_parameters(given.model, split.tp);
}
void tie_head(const Scenario& given, const Split& split, BlockProgram& block) {
  if (given.model.tied_embeddings)
    (has_frozen_base(given.job.tuning) ? block.borrowed_frozen : block.borrowed) =
        table_parameters(given.model, split.tp);
}

}  // namespace

BlockParts block_parts(const Scenario& given, const Block& block, const Split& split, double load) {
  return block_parts(given, micro_batch_of(given.job, split), block, split, load);
}

BlockParts block_parts(const Scenario& given, const MicroBatch& batch, const Block& whole, const Split& split,
                       double load) {
  const Block local = shard(whole, split.tp, split.etp);
  const TokenShape shape = local_tokens(batch, split, whole, load);
  const Implementation how = implementation(given.stack, given.job);
  BlockParts list = parts(given, batch, whole.hidden, split, shape, block_operators(given.model, local, shape, how));
  if (split.cp > 1 && split.cp_kind == CpKind::ulysses) {  // the core sees all positions and a share of the heads
    const Block narrow = shard(whole, split.tp * split.cp, split.etp);
    std::vector<Operator> inside = block_operators(given.model, narrow, all_positions(shape, split.cp), how);
    for (std::size_t i = 0; i < inside.size(); ++i) {
      if (inside[i].core) list.operators[i] = std::move(inside[i]);
    }
  }
  return list;
}

BlockParts embedding_parts(const Scenario& given, const MicroBatch& batch, const Split& split) {
  const Block& block = given.model.blocks.front();
  const TokenShape shape = local_tokens(batch, split, block);
  BlockParts list = parts(given, batch, given.model.hidden, split, shape,
                          embedding_operators(given.model, shard_vocab(given.model.vocab, split.tp), shape,
                                              implementation(given.stack, given.job)));
  list.has_input = false;
  return list;
}

BlockParts head_parts(const Scenario& given, const MicroBatch& batch, const Split& split, HeadEnd end) {
  const Block& block = given.model.blocks.back();
  const TokenShape shape = local_tokens(batch, split, block);
  BlockParts list = parts(given, batch, given.model.hidden, split, shape,
                          head_operators(given.model, shard_vocab(given.model.vocab, split.tp), shape,
                                         implementation(given.stack, given.job), end));
  list.has_output = false;
  return list;
}

BlockProgram lower(const BlockParts& parts, Recompute mode, bool apart) {
  BlockProgram block;
  block.runs_backward = parts.runs_backward;
  count(parts, block);
  BlockEmission emit(block, parts.row, parts.operators.size());
  emit.begin(PassKind::forward);
  const ForwardTrace trace = ForwardPass(parts, emit)(Part::forward);
  emit.begin(PassKind::backward);
  BackwardPass(parts, emit, trace, mode, false)();
  if (apart) {
    BackwardPass inputs(parts, emit, trace, mode, true);
    emit.begin(PassKind::input_gradient);
    inputs();
    emit.begin(PassKind::weight_gradient);
    inputs.weights();
  }
  find_lifetimes(block, parts.has_input, parts.has_output);
  return block;
}

BlockProgram lower_block(const Scenario& given, const Block& block, const Split& split, double load) {
  return lower(block_parts(given, block, split, load), split.recompute, split.apart);
}

BlockProgram lower_embedding(const Scenario& given, const Split& split) {
  const MicroBatch batch = micro_batch_of(given.job, split);
  BlockProgram block = lower(embedding_parts(given, batch, split), Recompute::none, split.apart);
  tie_embedding(given, split, block);
  return block;
}

BlockProgram lower_head(const Scenario& given, const Split& split) {
  const MicroBatch batch = micro_batch_of(given.job, split);
  BlockProgram block = lower(head_parts(given, batch, split, HeadEnd::loss), Recompute::none, split.apart);
  tie_head(given, split, block);
  return block;
}

BlockProgram lower_forward(const BlockParts& parts) {
  BlockProgram block;
  count(parts, block);
  BlockEmission emit(block, parts.row, parts.operators.size());
  emit.begin(PassKind::forward);
  static_cast<void>(ForwardPass(parts, emit)(Part::forward));
  find_forward_lifetimes(block, parts.has_input, parts.has_output);
  return block;
}

BlockProgram lower_forward_embedding(const Scenario& given, const MicroBatch& batch, const Split& split) {
  BlockProgram block = lower_forward(embedding_parts(given, batch, split));
  tie_embedding(given, split, block);
  return block;
}

BlockProgram lower_forward_head(const Scenario& given, const MicroBatch& batch, const Split& split) {
  BlockProgram block = lower_forward(head_parts(given, batch, split, HeadEnd::logits));
  tie_head(given, split, block);
  return block;
}

Bytes boundary_bytes(const Scenario& given, const Split& split) {
  return boundary_bytes(given, micro_batch_of(given.job, split), split);
}

Bytes boundary_bytes(const Scenario& given, const MicroBatch& batch, const Split& split) {
  return row_bytes(given, batch, split, given.model.hidden);
}

}  // namespace forerun
