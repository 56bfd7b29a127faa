#include "workloads/models/block_fields.hpp"

#include <fmt/format.h>

#include <functional>

namespace forerun {
namespace {

using namespace fields;

void report(const Problems& problems, const YamlNode& node) {
  for (const Problem& problem : problems) node.report(problem.message, problem.hint);
}

template <class T>
void add_flags(Table<T>& table, const std::vector<std::tuple<const char*, bool T::*, const char*>>& flags) {
  for (const auto& [key, member, what] : flags) table.rare(key, member, flag(), what);
}

Table<Attention> make_attention_fields() {
  Table<Attention> table;
  table.required("heads", &Attention::heads, integer(1, largest::heads), "heads of queries");
  table
      .usual("kv_heads", &Attention::kv_heads, integer(1, largest::heads),
             "heads of keys and values, each of which serves as many heads of queries")
      .otherwise("heads", [](Attention& attention) { attention.kv_heads = attention.heads; });
  table.rare("latent", &Attention::latent, maybe(nested(latent_fields())), "multi-head latent attention (DeepSeek V2)");
  table
      .usual("head_dim", &Attention::head_dim, integer_or_unset(2 * largest::head_dim),
             "width of a head's queries and keys")
      .otherwise("nope_dim + rope_dim of `latent`, else hidden / heads", [](Attention& attention) {
        if (attention.latent) attention.head_dim = attention.latent->nope_dim + attention.latent->rope_dim;
      });
  table.rare("window", &Attention::window, maybe(integer(1, largest::positions)), "sliding window in tokens")
      .otherwise("the whole past");
  add_flags<Attention>(table,
                       {{"qkv_bias", &Attention::qkv_bias, "biases on queries, keys and values"},
                        {"output_bias", &Attention::output_bias, "a bias on the output"},
                        {"qk_norm", &Attention::qk_norm, "a norm of head_dim on queries and keys, which heads share"},
                        {"sinks", &Attention::sinks, "one learned logit a head (gpt-oss)"}});
  return table;
}

Table<Moe> make_moe_fields() {
  Table<Moe> table;
  table.required("experts", &Moe::experts, integer(1, largest::experts), "experts that the router chooses from");
  table.required("top_k", &Moe::top_k, integer(1, largest::experts), "of them that a token visits");
  table.required("width", &Moe::width, integer(1, largest::width), "of one routed expert");
  table.rare("shared_width", &Moe::shared_width, integer(0, largest::width),
             "of all experts that every token visits; 0: there are none");
  table.usual("gated", &Moe::gated, flag(), "three matrices an expert (SwiGLU) instead of two");
  add_flags<Moe>(table, {{"bias", &Moe::bias, "biases on the experts' matrices"},
                         {"router_bias", &Moe::router_bias, "one number an expert beside the router's matrix"},
                         {"shared_gate", &Moe::shared_gate, "a learned gate on the shared experts"}});
  table.checked_where_sound([](const Moe& moe, MapReader& map) { report(check(FeedForward{moe}), map.node()); });
  return table;
}

// hidden / heads, where both are known. What it gives otherwise stands in.
int usual_head_dim(int hidden, int heads, const YamlNode& node) {
  if (hidden == 0) return 1;
  if (hidden % heads == 0) return hidden / heads;
  node.report(fmt::format("{} heads do not divide 'hidden' {}", heads, hidden), "write the 'head_dim'");
  return 1;
}

void read_attention(Block& block, const YamlNode& node) {
  const std::size_t before = node.problem_count();
  const auto sound = [&] { return node.problem_count() == before; };
  Attention attention = attention_fields().read(node);
  if (attention.head_dim == 0) attention.head_dim = sound() ? usual_head_dim(block.hidden, attention.heads, node) : 1;
  if (sound()) report(check(attention), node);
  block.mixer = std::move(attention);
}

Kind<Block> attention() {
  return {
      .words = {"map", "", ""},
      .read = read_attention,
      .write =
          [](const Block& block, Defaults rare) {
            return std::visit([&](const Attention& mixer) { return attention_fields().write(mixer, rare); },
                              block.mixer);
          },
      .inside = attention_fields().infos(),
      .read_inside = [](Block& block, std::string_view path,
                        const YamlNode& node) { return attention_fields().read_at(*block.attention(), path, node); }};
}

// One alternative of the feed-forward; the table must outlive the kind.
template <class Part>
Kind<Block> feed_forward(const Table<Part>& table) {
  return {.words = {"map", "", ""},
          .read = [&table](Block& block, const YamlNode& node) { block.feed_forward = table.read(node); },
          .write =
              [&table](const Block& block, Defaults rare) {
                const auto* part = std::get_if<Part>(&block.feed_forward);
                return part == nullptr ? Value{} : table.write(*part, rare);
              },
          .inside = table.infos(),
          .read_inside =
              [&table](Block& block, std::string_view path, const YamlNode& node) {
                if (!std::holds_alternative<Part>(block.feed_forward)) block.feed_forward = Part{};
                return table.read_at(std::get<Part>(block.feed_forward), path, node);
              }};
}

void check_feed_forward(const Block&, MapReader& map) {
  const bool has_mlp = map.optional("mlp").has_value(), has_moe = map.optional("moe").has_value();
  if (has_mlp != has_moe) return;
  map.node().report(has_mlp ? "a block with both 'mlp' and 'moe'" : "a block without a feed-forward",
                    "write one of: mlp, moe");
}

}  // namespace

const Table<Latent>& latent_fields() {
  static const Table<Latent> table =
      Table<Latent>()
          .usual("query_rank", &Latent::query_rank, integer(0, largest::width),
                 "width of the queries' latent; 0: queries are projected directly")
          .required("kv_rank", &Latent::kv_rank, integer(1, largest::width), "width of the latent of keys and values")
          .required("nope_dim", &Latent::nope_dim, integer(0, largest::head_dim), "of a head, without rotary position")
          .required("rope_dim", &Latent::rope_dim, integer(0, largest::head_dim),
                    "of a head's query; one vector for the keys of all heads")
          .required("value_dim", &Latent::value_dim, integer(1, largest::head_dim), "of a head");
  return table;
}

const Table<Attention>& attention_fields() {
  static const Table<Attention> table = make_attention_fields();
  return table;
}

const Table<Mlp>& mlp_fields() {
  static const Table<Mlp> table =
      Table<Mlp>()
          .required("width", &Mlp::width, integer(1, largest::width), "between the matrices")
          .usual("gated", &Mlp::gated, flag(), "three matrices (SwiGLU, GeGLU) instead of two")
          .rare("bias", &Mlp::bias, flag(), "biases on the matrices");
  return table;
}

const Table<Moe>& moe_fields() {
  static const Table<Moe> table = make_moe_fields();
  return table;
}

const Table<Block>& block_fields() {
  static const Table<Block> table =
      Table<Block>()
          .required("attention", std::identity{}, attention(), "what lets positions see each other")
          .usual("mlp", std::identity{}, feed_forward(mlp_fields()), "a dense feed-forward")
          .usual("moe", std::identity{}, feed_forward(moe_fields()), "a mixture of experts instead of `mlp`")
          .rare("norms", &Block::norms, integer(0, 4), "2: before both parts; 4: after them as well; 1: parallel parts")
          .checked(check_feed_forward);
  return table;
}

}  // namespace forerun
