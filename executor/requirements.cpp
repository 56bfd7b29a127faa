#include "executor/requirements.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/shard_sizes.hpp"
#include "strategies/plan/chunks.hpp"

namespace forerun {
namespace {

// The executor has kernels of attention only: another mixer does not compile here until it is refused below.
const Attention& attention_of(const Block& block) {
  return std::visit([](const Attention& attention) -> const Attention& { return attention; }, block.mixer);
}

class Requirements {
 public:
  Requirements(const Scenario& given, const Plan& plan, Routing routing) : s_(given), p_(plan), routing_(routing) {}

  Problems all() {
    if (s_.model.blocks.empty()) refuse(true, "a model without blocks", "write blocks");
    if (!list_.empty()) return std::move(list_);
    software();
    job();
    model();
    shapes();
    plan();
    return std::move(list_);
  }

 private:
  void refuse(bool wrong, std::string what, std::string hint) {
    if (wrong) list_.push_back({{}, std::move(what), std::move(hint)});
  }
  void divides(std::string_view what, std::int64_t n, std::string_view by, std::int64_t k) {
    refuse(k > 1 && n % k != 0, fmt::format("{} {} do not divide over {} {}", n, what, by, k),
           fmt::format("make {} divide them", by));
  }

  // The size of its workspace is the user's.
  void software() {
    Stack own = s_.stack;
    if (const Result<Stack> ours = find_stack("forerun")) {
      own.workspace = ours->workspace;
      const std::string what =
          s_.stack.name == "forerun" ? "a stack file of that name that says otherwise" : s_.stack.name;
      refuse(own != *ours, fmt::format("the executor is the software 'forerun', not {}", what), "write stack: forerun");
    }
    const std::int64_t needed = workspace_needed();
    refuse(s_.stack.workspace < Bytes{static_cast<double>(needed)},
           fmt::format("the workspace of {:.0f} B is too small: a rank needs up to {} B", s_.stack.workspace.value(),
                       needed),
           "use a smaller micro-batch, or a copy of the stack with a larger memory: workspace");
  }

  // At most: what pieces of attention, or an exchange of heads, of experts' logits or of norms' gradients hold at once.
  [[nodiscard]] std::int64_t workspace_needed() const {
    const Attention& a = attention_of(s_.model.blocks.front());
    const std::int64_t size = static_cast<std::int64_t>(
                           size_of(s_.job.dtype == DType::fp64 ? DType::fp64 : DType::fp32).value()),
                       positions = s_.job.sequence / p_.cp;
    const std::int64_t rows = p_.micro_batch * positions, heads = shard_sizes(a.heads, p_.tp).largest,
                       keys = shard_sizes(a.kv_heads, p_.tp).largest;
    const std::int64_t query = heads * a.head_dim, qkv = query + 2 * keys * a.head_dim;
    const AttentionShape shape{.sequences = p_.micro_batch,
                               .queries = s_.job.sequence,
                               .keys = s_.job.sequence,
                               .heads = static_cast<int>(heads),
                               .kv_heads = static_cast<int>(keys),
                               .head_dim = a.head_dim,
                               .value_dim = a.head_dim};
    const std::int64_t table = positions * a.head_dim,
                       attention = attention_scratch<BFloat16>(shape) +
                                   (p_.cp > 1 ? 2 * rows * (query + heads) + rows * qkv : 0);
    const std::int64_t heads_moved = p_.cp > 1 && p_.cp_kind == CpKind::ulysses ? 2 * rows * qkv : 0;
    std::int64_t logits = 0;
    for (const Block& block : s_.model.blocks) {
      if (const Moe* moe = std::get_if<Moe>(&block.feed_forward))
        logits = std::max<std::int64_t>(logits, rows * (moe->experts + moe->top_k));
    }
    constexpr std::int64_t rounding = 64 * 16;  // of pieces to cache lines
    return size * (table + std::max({attention, heads_moved, logits, replicated(), rows})) + rounding;
  }

  // Of the stage with most: what sequence parallelism has a tensor group add up at the end of a step (summed_over_tp),
  // norms and routers.
  [[nodiscard]] std::int64_t replicated() const {
    if (p_.tp == 1 || !p_.sp) return 0;
    std::vector<std::size_t> begins;
    chunk_begins(p_, static_cast<int>(s_.model.blocks.size()), begins);
    std::int64_t most = 0;
    for (int stage = 0; stage < p_.pp; ++stage) {
      std::int64_t sum = norm_parameters(s_.model, s_.model.hidden);  // the last one, wherever it is
      for (int local = 0; local < chunks_per_stage(p_); ++local) {
        const auto chunk = static_cast<std::size_t>(chunk_on(p_, stage, local));
        for (std::size_t i = begins[chunk]; i < begins[chunk + 1]; ++i) {
          const Moe* moe = std::get_if<Moe>(&s_.model.blocks[i].feed_forward);
          sum += 2 * norm_parameters(s_.model, s_.model.hidden) +
                 (moe != nullptr ? std::int64_t{moe->experts} * s_.model.hidden : 0);
        }
      }
      most = std::max(most, sum);
    }
    return most;
  }

  void job() {
    const DType dtype = s_.job.dtype;
    refuse(dtype != DType::fp64 && dtype != DType::fp32 && dtype != DType::bf16,
           fmt::format("no arithmetic in {} on this backend", to_string(dtype)), "write dtype: fp32, bf16 or fp64");
    refuse(s_.job.optimizer != Optimizer::adamw, fmt::format("no optimizer {}", to_string(s_.job.optimizer)),
           "write optimizer: adamw");
    refuse(s_.job.tuning.kind != TuningKind::full, "no fine-tuning of parts", "leave tuning out");
    refuse(s_.job.expert_skew != 1, "a skew of experts is what a run shows, not what it is told",
           "leave expert_skew out");
  }

  void model() {
    const Model& m = s_.model;
    refuse(m.vocab == 0, "the model has no vocabulary, so no loss", "write vocab");
    refuse(m.positions != Positions::rotary && m.positions != Positions::none, "no learned positions and no ALiBi",
           "write positions: rotary");
    refuse(m.norm == NormKind::layer_no_bias, "no LayerNorm without a bias", "write norm: rms or layer");
    refuse(m.embedding_norm, "no norm after the embedding", "leave it out");
    refuse(m.norm == NormKind::none, "no model without norms", "write norm: rms");
    refuse(!m.final_norm, "no model without a last norm", "write final_norm: true");
    for (const Block& block : m.blocks) {
      const Attention& a = attention_of(block);
      refuse(a.latent.has_value(), "no latent attention", "use a model with heads of keys and values");
      refuse(a.qkv_bias || a.output_bias, "no biases of attention", "leave them out");
      refuse(a.qk_norm || a.sinks, "no norms of queries and keys, no sinks", "leave them out");
      refuse(a.head_dim % 2 != 0, fmt::format("heads of {}: rotary positions turn pairs", a.head_dim),
             "write an even head_dim");
      refuse(block.norms != 2, fmt::format("blocks with {} norms", block.norms), "use a block with two");
      if (const Mlp* mlp = std::get_if<Mlp>(&block.feed_forward))
        refuse(mlp->bias, "no biases of feed-forward layers", "leave them out");
      if (const Moe* moe = std::get_if<Moe>(&block.feed_forward)) {
        refuse(moe->bias || moe->router_bias || moe->shared_gate,
               "no biases of experts and routers, no gates of shared experts", "leave them out");
        refuse(moe->shared_width > 0, "no shared experts", "leave shared_width out");
      }
      if (!list_.empty()) return;  // once, not for each block
    }
  }

  void shapes() {
    const bool heads_cut = p_.cp > 1 && p_.cp_kind == CpKind::ulysses;
    divides("entries of the vocabulary", s_.model.vocab, "tp", p_.tp);
    divides("positions", s_.job.sequence,
            heads_cut ? "cp" : "2 cp (each rank has a piece from the front and one from the back)",
            p_.cp == 1  ? 1
            : heads_cut ? p_.cp
                        : 2 * p_.cp);
    const std::int64_t rows = std::int64_t{p_.micro_batch} * s_.job.sequence / p_.cp;
    if (p_.sp) divides("tokens of a micro-batch", rows, "tp", p_.tp);
    const Attention& first = attention_of(s_.model.blocks.front());
    for (const Block& block : s_.model.blocks) {
      const std::size_t before = list_.size();
      const Attention& a = attention_of(block);
      refuse(a.heads != first.heads || a.kv_heads != first.kv_heads || a.head_dim != first.head_dim,
             "blocks whose heads differ", "give all blocks the same heads, kv_heads and head_dim");
      const int cuts = p_.tp * (heads_cut ? p_.cp : 1);
      divides("heads", a.heads, heads_cut ? "tp x cp" : "tp", cuts);
      divides("heads of keys and values", a.kv_heads, heads_cut ? "tp x cp" : "tp", cuts);
      if (const Mlp* mlp = std::get_if<Mlp>(&block.feed_forward))
        divides("columns of the feed-forward layer", mlp->width, "tp", p_.tp);
      if (const Moe* moe = std::get_if<Moe>(&block.feed_forward)) experts(*moe, rows, heads_cut);
      if (list_.size() > before) return;  // once, not for each block
    }
  }

  void experts(const Moe& moe, std::int64_t rows, bool heads_cut) {
    divides("experts", moe.experts, "ep", p_.ep);
    const std::int64_t piece = s_.job.sequence / (p_.cp > 1 && !heads_cut ? 2 * p_.cp : p_.cp),
                       own = p_.sp ? rows / p_.tp : rows;
    const int local = std::max(1, moe.experts / p_.ep);
    refuse(
        moe.top_k * own % local != 0,
        fmt::format("{} rows do not divide over a rank's {} experts, as predictions have it", moe.top_k * own, local),
        "use a sequence or a micro-batch that does");
    refuse(routing_ == Routing::balanced && (piece % moe.experts != 0 || own % moe.experts != 0),
           fmt::format("balanced routing spreads groups of {} neighbouring tokens; ranks hold runs of {} and {}",
                       moe.experts, piece, own),
           "use routing top_k, or a longer sequence");
  }

  void plan() {
    refuse(p_.offload.optimizer || p_.offload.activations, "no offload: the host's memory is the device's",
           "leave offload out");
  }

  const Scenario& s_;
  const Plan& p_;
  Routing routing_;
  Problems list_;
};

}  // namespace

Problems check_executable(const Scenario& given, const Plan& plan, Routing routing) {
  return Requirements(given, plan, routing).all();
}

}  // namespace forerun
