#include "strategies/plan/shard.hpp"

#include <algorithm>
#include <cmath>

#include "costmodel/collectives/collective.hpp"

namespace forerun {
namespace {

int share(int n, int k) { return static_cast<int>(shard_sizes(n, k).largest); }

void narrow(Attention& attention, int tp) {
  attention.heads = share(attention.heads, tp);
  attention.kv_heads = std::max(1, share(attention.kv_heads, tp));
}

}  // namespace

Split split_of(const Plan& p) {
  return {p.tp, p.sp, p.cp, p.cp_kind, p.ep, p.etp, p.micro_batch, p.recompute, p.overlap, splits_backward(p)};
}

Block shard(const Block& block, int tp, int etp) {
  Block local = block;
  std::visit([&](auto& mixer) { narrow(mixer, tp); }, local.mixer);
  if (Mlp* mlp = std::get_if<Mlp>(&local.feed_forward)) mlp->width = share(mlp->width, tp);
  if (Moe* moe = std::get_if<Moe>(&local.feed_forward)) {
    moe->shared_width = share(moe->shared_width, tp);
    moe->width = share(moe->width, etp);
  }
  return local;
}

int shard_vocab(int vocab, int tp) { return share(vocab, tp); }
std::int64_t table_parameters(const Model& model, int tp) {
  return std::int64_t{shard_vocab(model.vocab, tp)} * model.hidden;
}

MicroBatch micro_batch_of(const Job& job, const Split& split) { return {{{split.micro_batch, job.sequence}}}; }

TokenShape local_tokens(const Job& job, const Split& split, const Block& block, double load) {
  return local_tokens(micro_batch_of(job, split), split, block, load);
}

TokenShape local_tokens(const MicroBatch& batch, const Split& split, const Block& block, double load) {
  TokenShape shape;
  shape.sequences.reserve(batch.sequences.size());
  for (const SequenceLengths& run : batch.sequences)
    shape.sequences.push_back({run.count, run.length, shard_sizes(run.length, split.cp).largest});
  shape.tokens = largest_share_of(batch, split.cp);
  shape.cuts = split.tp;
  if (split.cp > 1 && split.cp_kind == CpKind::ring) shape.attention_passes = split.cp;
  shape.residual_tokens = split.sp ? shard_sizes(shape.tokens, split.tp).largest : shape.tokens;
  if (const Moe* moe = std::get_if<Moe>(&block.feed_forward)) {
    shape.routed_tokens = split.etp * static_cast<std::int64_t>(
                                          std::llround(load * static_cast<double>(moe->top_k * shape.residual_tokens)));
    shape.local_experts = moe->experts / split.ep;
  }
  return shape;
}

TokenShape all_positions(TokenShape shape, int cp) {
  for (SequenceRun& run : shape.sequences) run.queries = run.length;
  shape.tokens *= cp;
  return shape;
}

}  // namespace forerun
