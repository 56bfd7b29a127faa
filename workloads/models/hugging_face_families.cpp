// Each family as transformers builds it: configuration_*.py gives the defaults, modeling_*.py the shapes.
#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "workloads/models/hugging_face_config.hpp"

namespace forerun {
namespace {

using Config = HuggingFaceConfig;

// What all families but GPT-2 share: rotary positions, RMS norms, a head of its own unless tied.
Model read_rotary(Config& config) {
  Model model;
  model.hidden = config.size("hidden_size", largest::hidden);
  model.vocab = config.size("vocab_size", largest::vocab);
  model.tied_embeddings = config.flag("tie_word_embeddings", false);
  model.positions = Positions::rotary;
  model.max_positions = config.size("max_position_embeddings", largest::positions);
  model.norm = NormKind::rms;
  model.dropout = config.fraction("attention_dropout") > 0;
  model.blocks.resize(static_cast<std::size_t>(config.size("num_hidden_layers", largest::blocks)));
  return model;
}

// `kv_heads` and `head_dim`: the family's defaults; without one, as many as heads, and hidden / heads.
Attention read_attention(Config& config, const Model& model, std::optional<int> kv_heads = {},
                         std::optional<int> head_dim = {}) {
  Attention attention;
  attention.heads = config.size("num_attention_heads", largest::heads);
  attention.kv_heads = config.size_or("num_key_value_heads", largest::heads, kv_heads).value_or(attention.heads);
  head_dim = config.size_or("head_dim", largest::head_dim, head_dim);
  if (!head_dim && model.hidden % attention.heads != 0) {
    config.report("num_attention_heads",
                  fmt::format("{} heads do not divide 'hidden_size' {}", attention.heads, model.hidden),
                  "add a 'head_dim'");
  }
  attention.head_dim = head_dim.value_or(model.hidden / attention.heads);
  return attention;
}

void set_bias(Attention& attention, bool bias) { attention.qkv_bias = attention.output_bias = bias; }

Mlp read_gated_mlp(Config& config) {
  return {.width = config.size("intermediate_size", largest::width), .gated = true};
}

Model uniform(Model model, const Attention& attention, const FeedForward& feed_forward) {
  std::fill(model.blocks.begin(), model.blocks.end(),
            Block{.hidden = model.hidden, .mixer = attention, .feed_forward = feed_forward});
  return model;
}

Model read_llama(Config& config) {
  Model model = read_rotary(config);
  Attention attention = read_attention(config, model);
  set_bias(attention, config.flag("attention_bias"));
  Mlp mlp = read_gated_mlp(config);
  mlp.bias = config.flag("mlp_bias");
  return uniform(std::move(model), attention, mlp);
}

Model read_mistral(Config& config) {
  Model model = read_rotary(config);
  Attention attention = read_attention(config, model, 8);
  attention.window = config.size_or("sliding_window", largest::positions, 4096);  // null, not absence, means none
  return uniform(std::move(model), attention, read_gated_mlp(config));
}

Model read_mixtral(Config& config) {
  Model model = read_rotary(config);
  Attention attention = read_attention(config, model, 8);
  attention.window = config.size_or("sliding_window", largest::positions, std::nullopt);
  const Moe moe{.experts = config.size_or("num_local_experts", largest::experts, 8).value_or(8),
                .top_k = config.size_or("num_experts_per_tok", largest::experts, 2).value_or(2),
                .width = config.size("intermediate_size", largest::width)};
  return uniform(std::move(model), attention, moe);
}

// The window of Qwen applies from layer `max_window_layers` on, unless `layer_types` says it layer by layer.
void apply_window(Config& config, Model& model) {
  if (!config.flag("use_sliding_window")) return;
  const auto window = config.size_or("sliding_window", largest::positions, 4096);
  const auto from = static_cast<std::size_t>(config.size_or("max_window_layers", largest::blocks, 28, 0).value_or(28));
  const auto types = config.words("layer_types");
  if (types && types->size() != model.blocks.size()) {
    config.report("layer_types", fmt::format("{} layer types for {} layers", types->size(), model.blocks.size()));
    return;
  }
  for (std::size_t i = 0; i < model.blocks.size(); ++i) {
    const bool slides = types ? (*types)[i] == "sliding_attention" : i >= from;
    if (slides) model.blocks[i].attention()->window = window;
    if (types && !slides && (*types)[i] != "full_attention") {
      config.report("layer_types", fmt::format("layer type '{}' is not modelled", (*types)[i]),
                    "write full_attention or sliding_attention");
      return;
    }
  }
}

Model read_qwen2(Config& config) {
  Model model = read_rotary(config);
  Attention attention = read_attention(config, model, 32);
  attention.qkv_bias = true;
  model = uniform(std::move(model), attention, read_gated_mlp(config));
  apply_window(config, model);
  return model;
}

Model read_qwen3(Config& config) {
  Model model = read_rotary(config);
  Attention attention = read_attention(config, model, 32, 128);
  attention.qk_norm = true;
  set_bias(attention, config.flag("attention_bias"));
  model = uniform(std::move(model), attention, read_gated_mlp(config));
  apply_window(config, model);
  return model;
}

Model read_qwen3_moe(Config& config) {
  Model model = read_rotary(config);
  Attention attention = read_attention(config, model, 4);
  attention.qk_norm = true;
  set_bias(attention, config.flag("attention_bias"));
  if (config.flag("use_sliding_window")) attention.window = config.size_or("sliding_window", largest::positions, 4096);
  // Newer files say num_local_experts.
  const auto experts =
      config.size_or(config.has("num_experts") ? "num_experts" : "num_local_experts", largest::experts, 128, 0)
          .value_or(0);
  const auto step = static_cast<std::size_t>(config.size_or("decoder_sparse_step", largest::blocks, 1).value_or(1));
  const auto dense = config.indices("mlp_only_layers", largest::blocks);
  const Mlp mlp = read_gated_mlp(config);
  const Moe moe{.experts = experts,
                .top_k = config.size_or("num_experts_per_tok", largest::experts, 8).value_or(8),
                .width = config.size("moe_intermediate_size", largest::width)};
  for (std::size_t i = 0; i < model.blocks.size(); ++i) {
    const bool sparse =
        experts > 0 && (i + 1) % step == 0 && std::find(dense.begin(), dense.end(), static_cast<int>(i)) == dense.end();
    model.blocks[i] = {
        .hidden = model.hidden, .mixer = attention, .feed_forward = sparse ? FeedForward{moe} : FeedForward{mlp}};
  }
  return model;
}

Attention read_latent_attention(Config& config) {
  Attention attention;
  attention.heads = attention.kv_heads = config.size("num_attention_heads", largest::heads);
  attention.latent = Latent{.query_rank = config.size_or("q_lora_rank", largest::width, 1536).value_or(0),
                            .kv_rank = config.size("kv_lora_rank", largest::width),
                            .nope_dim = config.size("qk_nope_head_dim", largest::head_dim),
                            .rope_dim = config.size("qk_rope_head_dim", largest::head_dim),
                            .value_dim = config.size("v_head_dim", largest::head_dim)};
  attention.head_dim = attention.latent->nope_dim + attention.latent->rope_dim;
  for (const char* key : {"attention_bias", "mlp_bias"}) {
    if (config.flag(key))
      config.report(key, fmt::format("'{}' of DeepSeek is not modelled", key), "no published checkpoint has it");
  }
  return attention;
}

// A multi-token prediction module (num_nextn_predict_layers) is not part of the model: transformers leaves it out as
// well.
Model read_deepseek(Config& config, bool selection_bias) {
  Model model = read_rotary(config);
  const Attention attention = read_latent_attention(config);
  const Mlp mlp = read_gated_mlp(config);
  const auto experts = config.size_or("n_routed_experts", largest::experts, std::nullopt);
  const auto dense =
      static_cast<std::size_t>(config.size_or("first_k_dense_replace", largest::blocks, 0, 0).value_or(0));
  const auto frequency = static_cast<std::size_t>(config.size_or("moe_layer_freq", largest::blocks, 1).value_or(1));
  Moe moe;
  if (experts) {
    moe = {.experts = *experts,
           .top_k = config.size("num_experts_per_tok", largest::experts),
           .width = config.size("moe_intermediate_size", largest::width),
           .router_bias = selection_bias};
    moe.shared_width = moe.width * config.size_or("n_shared_experts", 256, std::nullopt, 0).value_or(0);
  }
  for (std::size_t i = 0; i < model.blocks.size(); ++i) {
    const bool sparse = experts && i >= dense && i % frequency == 0;
    model.blocks[i] = {
        .hidden = model.hidden, .mixer = attention, .feed_forward = sparse ? FeedForward{moe} : FeedForward{mlp}};
  }
  return model;
}

Model read_deepseek_v2(Config& config) { return read_deepseek(config, false); }

// e_score_correction_bias is there for `noaux_tc`, which V3 and its kin use.
Model read_deepseek_v3(Config& config) {
  const auto method = config.text("topk_method");
  return read_deepseek(config, method.empty() || method == "noaux_tc");
}

Model read_gpt2(Config& config) {
  Model model;
  model.hidden = config.size("n_embd", largest::hidden);
  model.vocab = config.size("vocab_size", largest::vocab);
  model.tied_embeddings = config.flag("tie_word_embeddings", true);
  model.positions = Positions::learned;
  model.max_positions = config.size_or("n_positions", largest::positions, 1024).value_or(1024);
  model.norm = NormKind::layer;
  for (const char* key : {"resid_pdrop", "embd_pdrop", "attn_pdrop"})
    model.dropout = config.fraction(key, 0.1) > 0 || model.dropout;
  model.blocks.resize(static_cast<std::size_t>(config.size("n_layer", largest::blocks)));
  Attention attention;
  attention.heads = attention.kv_heads = config.size("n_head", largest::heads);
  attention.head_dim = model.hidden / attention.heads;
  if (model.hidden % attention.heads != 0) {
    config.report("n_head", fmt::format("{} heads do not divide 'n_embd' {}", attention.heads, model.hidden));
  }
  set_bias(attention, true);
  const Mlp mlp{.width = config.size_or("n_inner", largest::width, std::nullopt).value_or(4 * model.hidden),
                .bias = true};
  return uniform(std::move(model), attention, mlp);
}

struct Family {
  const char* model_type;
  Model (*read)(Config&);
};

constexpr Family families[] = {{"deepseek_v2", read_deepseek_v2},
                               {"deepseek_v3", read_deepseek_v3},
                               {"gpt2", read_gpt2},
                               {"kimi_k2", read_deepseek_v3},
                               {"llama", read_llama},
                               {"mistral", read_mistral},
                               {"mixtral", read_mixtral},
                               {"qwen2", read_qwen2},
                               {"qwen3", read_qwen3},
                               {"qwen3_moe", read_qwen3_moe}};

}  // namespace

std::vector<std::string> hugging_face_families() {
  std::vector<std::string> names;
  for (const auto& family : families) names.emplace_back(family.model_type);
  return names;
}

Model read_family(const std::string& model_type, HuggingFaceConfig& config) {
  const auto* family = std::find_if(std::begin(families), std::end(families),
                                    [&](const Family& f) { return f.model_type == model_type; });
  assert(family != std::end(families) && "read_hugging_face asks only for families that there are");
  return family->read(config);
}

}  // namespace forerun
