// A model as YAML, short enough to read.
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "workloads/models/model_yaml.hpp"

namespace forerun {
namespace {

using model_yaml::yaml_scalar;

std::string attention_yaml(const Attention& attention) {
  std::string out = fmt::format("{{heads: {}", attention.heads);
  if (!attention.latent) out += fmt::format(", kv_heads: {}, head_dim: {}", attention.kv_heads, attention.head_dim);
  if (attention.window) out += fmt::format(", window: {}", *attention.window);
  if (attention.qkv_bias) out += ", qkv_bias: true";
  if (attention.output_bias) out += ", output_bias: true";
  if (attention.qk_norm) out += ", qk_norm: true";
  if (attention.sinks) out += ", sinks: true";
  if (const auto& latent = attention.latent) {
    out += fmt::format(", latent: {{query_rank: {}, kv_rank: {}, nope_dim: {}, rope_dim: {}, value_dim: {}}}",
                       latent->query_rank, latent->kv_rank, latent->nope_dim, latent->rope_dim, latent->value_dim);
  }
  return out + "}";
}

std::string mixer_yaml(const Mixer& mixer) {
  return std::visit([](const Attention& attention) { return "attention: " + attention_yaml(attention); }, mixer);
}

std::string feed_forward_yaml(const FeedForward& feed_forward) {
  if (const auto* mlp = std::get_if<Mlp>(&feed_forward)) {
    return fmt::format("mlp: {{width: {}, gated: {}{}}}", mlp->width, mlp->gated, mlp->bias ? ", bias: true" : "");
  }
  const auto& moe = std::get<Moe>(feed_forward);
  std::string out = fmt::format("moe: {{experts: {}, top_k: {}, width: {}", moe.experts, moe.top_k, moe.width);
  if (moe.shared_width > 0) out += fmt::format(", shared_width: {}", moe.shared_width);
  out += fmt::format(", gated: {}", moe.gated);
  if (moe.bias) out += ", bias: true";
  if (moe.router_bias) out += ", router_bias: true";
  if (moe.shared_gate) out += ", shared_gate: true";
  return out + "}";
}

using Blocks = std::span<const Block>;

// How often the first `period` blocks stand at the front, one after the other.
std::size_t repeats(Blocks blocks, std::size_t period) {
  std::size_t times = 1;
  while ((times + 1) * period <= blocks.size() &&
         std::equal(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(period),
                    blocks.begin() + static_cast<std::ptrdiff_t>(times * period))) {
    ++times;
  }
  return times;
}

// The shortest period that covers the most blocks when it is repeated; hybrids and windows in use repeat after 2 to 8
// blocks.
std::size_t best_period(Blocks blocks) {
  std::size_t best = 1, covered = repeats(blocks, 1);
  for (std::size_t period = 2; period <= 16 && 2 * period <= blocks.size(); ++period) {
    const auto times = repeats(blocks, period);
    if (times > 1 && times * period > covered) {
      best = period;
      covered = times * period;
    }
  }
  return best;
}

void append_block(std::string& out, const Block& block, const std::string& first, const std::string& next) {
  out += first + mixer_yaml(block.mixer) + "\n" + next + feed_forward_yaml(block.feed_forward) + "\n";
  if (block.norms != 2) out += fmt::format("{}norms: {}\n", next, block.norms);
}

void append_entries(std::string& out, Blocks blocks, const std::string& indent) {
  while (!blocks.empty()) {
    const auto period = best_period(blocks);
    const auto times = repeats(blocks, period);
    if (times == 1) {
      append_block(out, blocks.front(), indent + "- ", indent + "  ");
    } else if (period == 1) {
      out += fmt::format("{0}- repeat: {1}\n{0}  block:\n", indent, times);
      append_block(out, blocks.front(), indent + "    ", indent + "    ");
    } else {
      out += fmt::format("{0}- repeat: {1}\n{0}  pattern:\n", indent, times);
      append_entries(out, blocks.first(period), indent + "    ");
    }
    blocks = blocks.subspan(period * times);
  }
}

const char* name(Positions positions) {
  switch (positions) {
    case Positions::none:
      return "none";
    case Positions::learned:
      return "learned";
    case Positions::rotary:
      return "rotary";
    case Positions::alibi:
      return "alibi";
  }
  return "";
}

const char* name(NormKind norm) {
  switch (norm) {
    case NormKind::none:
      return "none";
    case NormKind::layer:
      return "layer";
    case NormKind::layer_no_bias:
      return "layer_no_bias";
    case NormKind::rms:
      return "rms";
  }
  return "";
}

}  // namespace

std::string to_yaml(const Model& model) {
  std::string out = fmt::format("name: {}\n", yaml_scalar(model.name));
  if (!model.aliases.empty()) {
    std::string list;
    for (const auto& alias : model.aliases) list += (list.empty() ? "" : ", ") + yaml_scalar(alias);
    out += fmt::format("aliases: [{}]\n", list);
  }
  if (!model.source.empty()) out += fmt::format("source: {}\n", yaml_scalar(model.source));
  if (model.published) out += fmt::format("parameters: {}\n", model_yaml::published_yaml(*model.published));
  out += fmt::format("hidden: {}\nvocab: {}\ntied_embeddings: {}\npositions: {}\nmax_positions: {}\n", model.hidden,
                     model.vocab, model.tied_embeddings, name(model.positions), model.max_positions);
  if (model.extra_positions > 0) out += fmt::format("extra_positions: {}\n", model.extra_positions);
  out += fmt::format("norm: {}\n", name(model.norm));
  if (model.embedding_norm) out += "embedding_norm: true\n";
  if (!model.final_norm) out += "final_norm: false\n";
  if (model.dropout) out += "dropout: true\n";
  out += "blocks:\n";
  append_entries(out, model.blocks, "  ");
  return out;
}

}  // namespace forerun
