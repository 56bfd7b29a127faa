// A transformer as a list of blocks: dense, GQA, MLA, mixture of experts and sliding windows are the same type.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace forerun {

class YamlNode;

// layer: weight and bias; layer_no_bias: weight only (MPT, DBRX); rms: weight only, no mean.
enum class NormKind : std::uint8_t { none, layer, layer_no_bias, rms };
enum class Positions : std::uint8_t { none, learned, rotary, alibi };

// Multi-head latent attention (DeepSeek V2/V3): keys and values come from one latent vector per token. Both latents
// (queries' and keys-and-values') are normalised, each with weights of its own; those are counted with the attention.
struct Latent {
  int query_rank = 0;   // 0: queries are projected directly
  int kv_rank = 0;
  int nope_dim = 0;     // per head, without rotary position
  int rope_dim = 0;     // per head of the query; one shared vector for the keys
  int value_dim = 0;    // per head

  bool operator==(const Latent&) const = default;
};

struct Attention {
  int heads = 0;
  int kv_heads = 0;              // = heads for multi-head, 1 for multi-query attention
  int head_dim = 0;              // queries and keys (MLA: nope_dim + rope_dim)
  std::optional<Latent> latent = {};
  std::optional<int> window = {};  // sliding window in tokens; none: the whole past
  bool qkv_bias = false;
  bool output_bias = false;
  bool qk_norm = false;          // a norm of head_dim on queries and keys, shared by all heads
  bool sinks = false;            // one learned logit per head (gpt-oss)

  bool operator==(const Attention&) const = default;
};

struct Mlp {
  int width = 0;
  bool gated = false;   // three matrices (SwiGLU, GeGLU) instead of two
  bool bias = false;

  bool operator==(const Mlp&) const = default;
};

struct Moe {
  int experts = 0;
  int top_k = 0;
  int width = 0;          // of one routed expert
  int shared_width = 0;   // total width of the experts that every token visits; 0: none
  bool gated = true;
  bool bias = false;      // on the experts' matrices
  // One number an expert is added to the logits (gpt-oss), or only to choose experts (DeepSeek-V3).
  bool router_bias = false;
  bool shared_gate = false;  // a learned gate of `hidden` weights on the shared expert (Qwen1.5/2-MoE)

  bool operator==(const Moe&) const = default;
};

using FeedForward = std::variant<Mlp, Moe>;
// What lets the positions of a sequence see each other.
using Mixer = std::variant<Attention>;

// One residual layer: norm, mixer, norm, feed-forward; two more norms where the model normalises outputs as well.
struct Block {
  int hidden = 0;        // width of the residual stream that it reads and adds to
  Mixer mixer;
  FeedForward feed_forward;
  int norms = 2;         // norms of width `hidden`: 2 (pre-norm), 4 (Gemma 2/3), 1 (parallel residual)
  // Part of no file: a fine-tuning job trains neither the block nor anything below it (tuning.hpp).
  bool frozen = false;

  // Null where the mixer is another one. Code that knows all mixers visits `mixer` instead.
  [[nodiscard]] const Attention* attention() const { return std::get_if<Attention>(&mixer); }
  [[nodiscard]] Attention* attention() { return std::get_if<Attention>(&mixer); }

  bool operator==(const Block&) const = default;
};

// What is published about the size, to check the computed count against.
struct PublishedSize {
  double parameters = 0;
  double uncertainty = 0;  // 0: the checkpoint's exact count; else half a unit of the last printed digit
  std::string source;

  bool operator==(const PublishedSize&) const = default;
};

struct Model {
  std::string name;
  std::vector<std::string> aliases;
  int hidden = 0;                // width of the embedding and of the head
  int vocab = 0;                 // 0: no embedding, no head (exercises)
  bool tied_embeddings = false;
  Positions positions = Positions::rotary;
  int max_positions = 0;  // longest sequence that its configuration allows; rows of the table of learned positions
  int extra_positions = 0;  // further rows of that table, which hold no position (OPT has 2)
  NormKind norm = NormKind::rms;
  bool embedding_norm = false;  // BLOOM normalises after the embedding
  bool final_norm = true;
  bool dropout = false;  // trained with dropout: its masks are saved activations
  std::vector<Block> blocks;  // each of width `hidden`: check() refuses others, as no projection joins two widths yet
  std::optional<PublishedSize> published = {};
  std::string source;

  bool operator==(const Model&) const = default;
};

// The largest sizes that are read: with them every count of parameters fits 63 bits.
namespace largest {
inline constexpr int hidden = 1 << 17, width = 1 << 20, vocab = 1 << 26, positions = 1 << 26, experts = 1 << 12,
                     heads = 1 << 12, head_dim = 1 << 12, blocks = 1 << 10;
}

// Exact numbers of parameters, as in the published checkpoint. `active` counts all but the experts that a token does
// not visit; it includes both tables of tokens, of which a token reads one row at the input (publishers differ: OpenAI
// leaves that table out, Qwen does not).
std::int64_t mixer_parameters(const Model&, const Block&);
std::int64_t feed_forward_parameters(std::int64_t hidden, const FeedForward&);
std::int64_t norm_parameters(const Model&, std::int64_t width);  // one norm
std::int64_t block_parameters(const Model&, const Block&);
std::int64_t embedding_parameters(const Model&);  // table(s) of tokens and of learned positions, embedding norm
std::int64_t head_parameters(const Model&);  // final norm, and the head unless it is tied
std::int64_t parameter_count(const Model&);
std::int64_t active_parameter_count(const Model&);

bool is_mixture(const Model&);
// Every way in which the numbers contradict each other: kv_heads not dividing heads, top_k above experts, a published
// size that the shapes do not make, ... Equal neighbouring blocks are reported once. Problems have no place; readers
// add it.
Problems check(const Model&);
Problems check(const Attention&);
Problems check(const FeedForward&);
Problems check_outside_blocks(const Model&);  // what check(Model) finds beside the blocks' own problems

// Problems, contradictions included, go to the document of the node. README.md shows the format.
Model read_model(const YamlNode&);
// Reads back to an equal model. Equal neighbours and repeated patterns of blocks are written once with `repeat`; a
// published size that is not exact is written in decimals down to twice its uncertainty.
std::string to_yaml(const Model&);

}  // namespace forerun
