#include "workloads/models/model.hpp"

namespace forerun {
namespace {

// Weights, and for `layer` biases, of one norm over `width` numbers.
std::int64_t norm_size(NormKind kind, std::int64_t width) {
  switch (kind) {
    case NormKind::none:
      return 0;
    case NormKind::layer:
      return 2 * width;
    case NormKind::layer_no_bias:
    case NormKind::rms:
      return width;
  }
  return 0;
}

// DeepSeek-V2 (arXiv 2405.04434), equations 9 to 19, with the two norms of its code.
std::int64_t latent_parameters(NormKind norm, std::int64_t hidden, const Attention& attention, const Latent& latent) {
  const std::int64_t heads = attention.heads;
  const std::int64_t query = heads * (latent.nope_dim + latent.rope_dim);
  const std::int64_t queries = latent.query_rank == 0
                                   ? hidden * query
                                   : (hidden + query) * latent.query_rank + norm_size(norm, latent.query_rank);
  const std::int64_t keys_and_values = hidden * (latent.kv_rank + latent.rope_dim) + norm_size(norm, latent.kv_rank) +
                                       latent.kv_rank * heads * (latent.nope_dim + latent.value_dim);
  return queries + keys_and_values + heads * latent.value_dim * hidden;
}

// Two or three matrices between `hidden` and `width`; a bias has the size of the matrix's output.
std::int64_t mlp_parameters(std::int64_t hidden, std::int64_t width, bool gated, bool bias) {
  const std::int64_t up = gated ? 2 : 1;
  return (up + 1) * hidden * width + (bias ? up * width + hidden : 0);
}

std::int64_t expert_parameters(std::int64_t hidden, const Moe& moe) {
  return mlp_parameters(hidden, moe.width, moe.gated, moe.bias);
}

std::int64_t moe_parameters(std::int64_t hidden, const Moe& moe) {
  const std::int64_t router = hidden * moe.experts + (moe.router_bias ? moe.experts : 0);
  const std::int64_t shared = moe.shared_width == 0 ? 0
                                                    : mlp_parameters(hidden, moe.shared_width, moe.gated, moe.bias) +
                                                          (moe.shared_gate ? hidden : 0);
  return router + moe.experts * expert_parameters(hidden, moe) + shared;
}

std::int64_t attention_parameters(NormKind norm, std::int64_t hidden, const Attention& attention) {
  std::int64_t total = attention.sinks ? attention.heads : 0;
  if (attention.output_bias) total += hidden;
  if (attention.latent) return total + latent_parameters(norm, hidden, attention, *attention.latent);

  const std::int64_t query = std::int64_t{attention.heads} * attention.head_dim;
  const std::int64_t key = std::int64_t{attention.kv_heads} * attention.head_dim;
  total += hidden * (query + 2 * key) + query * hidden;
  if (attention.qkv_bias) total += query + 2 * key;
  if (attention.qk_norm) total += 2 * norm_size(norm, attention.head_dim);
  return total;
}

}  // namespace

std::int64_t mixer_parameters(const Model& model, const Block& block) {
  return std::visit([&](const Attention& a) { return attention_parameters(model.norm, block.hidden, a); }, block.mixer);
}

std::int64_t feed_forward_parameters(std::int64_t hidden, const FeedForward& feed_forward) {
  if (const auto* moe = std::get_if<Moe>(&feed_forward)) return moe_parameters(hidden, *moe);
  const auto& mlp = std::get<Mlp>(feed_forward);
  return mlp_parameters(hidden, mlp.width, mlp.gated, mlp.bias);
}

std::int64_t norm_parameters(const Model& model, std::int64_t width) { return norm_size(model.norm, width); }

std::int64_t block_parameters(const Model& model, const Block& block) {
  return mixer_parameters(model, block) + feed_forward_parameters(block.hidden, block.feed_forward) +
         block.norms * norm_parameters(model, block.hidden);
}

std::int64_t embedding_parameters(const Model& model) {
  const std::int64_t rows =
      model.positions == Positions::learned ? model.max_positions + std::int64_t{model.extra_positions} : 0;
  return (model.vocab + rows) * model.hidden + (model.embedding_norm ? norm_parameters(model, model.hidden) : 0);
}

std::int64_t head_parameters(const Model& model) {
  return (model.final_norm ? norm_parameters(model, model.hidden) : 0) +
         (model.tied_embeddings ? 0 : std::int64_t{model.vocab} * model.hidden);
}

std::int64_t parameter_count(const Model& model) {
  std::int64_t total = embedding_parameters(model) + head_parameters(model);
  for (const Block& block : model.blocks) total += block_parameters(model, block);
  return total;
}

std::int64_t active_parameter_count(const Model& model) {
  std::int64_t total = parameter_count(model);
  for (const Block& block : model.blocks) {
    if (const auto* moe = std::get_if<Moe>(&block.feed_forward)) {
      total -= (moe->experts - moe->top_k) * expert_parameters(block.hidden, *moe);
    }
  }
  return total;
}

}  // namespace forerun
