// Attention and feed-forward from YAML.
#include <fmt/format.h>

#include "workloads/models/model_yaml.hpp"

namespace forerun::model_yaml {

int Numbers::read(const YamlNode& node, int least, int most) {
  if (node.is_missing()) {
    sound_ = false;
    return least;
  }
  const auto value = node.integer(least, most);
  // What was refused reads as `least`, which is not what is written there.
  if (!node.is_scalar() || node.text() != std::to_string(value)) sound_ = false;
  return static_cast<int>(value);
}

int Numbers::optional(MapReader& map, const char* key, int least, int most, int otherwise) {
  const auto node = map.optional(key);
  return node ? read(*node, least, most) : otherwise;
}

bool flag(MapReader& map, const char* key, bool otherwise) {
  const auto node = map.optional(key);
  return node ? node->boolean() : otherwise;
}

void report(const Problems& problems, const YamlNode& node) {
  for (const auto& problem : problems) node.report(problem.message, problem.hint);
}

namespace {

Latent read_latent(const YamlNode& node, Numbers& numbers) {
  MapReader map = node.map();
  Latent latent;
  latent.query_rank = numbers.optional(map, "query_rank", 0, largest::width, 0);
  latent.kv_rank = numbers.required(map, "kv_rank", 1, largest::width);
  latent.nope_dim = numbers.required(map, "nope_dim", 0, largest::head_dim);
  latent.rope_dim = numbers.required(map, "rope_dim", 0, largest::head_dim);
  latent.value_dim = numbers.required(map, "value_dim", 1, largest::head_dim);
  map.finish();
  return latent;
}

// hidden / heads, when that is a whole number and both could be read.
int usual_head_dim(int hidden, int heads, const YamlNode& node, Numbers& numbers) {
  if (hidden == 0 || !numbers.sound()) {
    numbers.spoil();
  } else if (hidden % heads != 0) {
    numbers.spoil();
    node.report(fmt::format("{} heads do not divide 'hidden' {}", heads, hidden), "write the 'head_dim'");
  } else {
    return hidden / heads;
  }
  return 1;
}

}  // namespace

Attention read_attention(const YamlNode& node, int hidden, Numbers& all) {
  MapReader map = node.map();
  Numbers numbers;
  Attention attention;
  attention.heads = numbers.required(map, "heads", 1, largest::heads);
  attention.kv_heads = numbers.optional(map, "kv_heads", 1, largest::heads, attention.heads);
  attention.latent = map.optional("latent", [&](const YamlNode& latent) { return read_latent(latent, numbers); });
  if (const auto head_dim = map.optional("head_dim")) {
    attention.head_dim = numbers.read(*head_dim, 1, 2 * largest::head_dim);
  } else if (attention.latent) {
    attention.head_dim = attention.latent->nope_dim + attention.latent->rope_dim;
  } else {
    attention.head_dim = usual_head_dim(hidden, attention.heads, node, numbers);
  }
  attention.window =
      map.optional("window", [&](const YamlNode& window) { return numbers.read(window, 1, largest::positions); });
  attention.qkv_bias = flag(map, "qkv_bias");
  attention.output_bias = flag(map, "output_bias");
  attention.qk_norm = flag(map, "qk_norm");
  attention.sinks = flag(map, "sinks");
  map.finish();
  if (numbers.sound()) report(check(attention), node);
  all.join(numbers);
  return attention;
}

Mlp read_mlp(const YamlNode& node, Numbers& numbers) {
  MapReader map = node.map();
  Mlp mlp;
  mlp.width = numbers.required(map, "width", 1, largest::width);
  mlp.gated = flag(map, "gated");
  mlp.bias = flag(map, "bias");
  map.finish();
  return mlp;
}

Moe read_moe(const YamlNode& node, Numbers& all) {
  MapReader map = node.map();
  Numbers numbers;
  Moe moe;
  moe.experts = numbers.required(map, "experts", 1, largest::experts);
  moe.top_k = numbers.required(map, "top_k", 1, largest::experts);
  moe.width = numbers.required(map, "width", 1, largest::width);
  moe.shared_width = numbers.optional(map, "shared_width", 0, largest::width, 0);
  moe.gated = flag(map, "gated", true);
  moe.bias = flag(map, "bias");
  moe.router_bias = flag(map, "router_bias");
  moe.shared_gate = flag(map, "shared_gate");
  map.finish();
  if (numbers.sound()) report(check(FeedForward{moe}), node);
  all.join(numbers);
  return moe;
}

}  // namespace forerun::model_yaml
