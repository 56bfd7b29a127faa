// A model from YAML; README.md shows the format.
#include "workloads/models/model_yaml.hpp"

#include <fmt/format.h>

#include <utility>

namespace forerun {
namespace {

using model_yaml::Numbers;

const std::vector<std::string> norm_names{"none", "layer", "layer_no_bias", "rms"};   // in the order of NormKind
const std::vector<std::string> position_names{"none", "learned", "rotary", "alibi"};  // in the order of Positions

Block read_block(const YamlNode& node, int hidden, Numbers& numbers) {
  MapReader map = node.map();
  Block block{.hidden = hidden};
  const auto attention = map.required("attention");
  if (attention.is_missing()) {
    numbers.spoil();
  } else {
    block.mixer = model_yaml::read_attention(attention, hidden, numbers);
  }
  const auto mlp = map.optional("mlp");
  const auto moe = map.optional("moe");
  if (mlp) block.feed_forward = model_yaml::read_mlp(*mlp, numbers);
  if (moe) block.feed_forward = model_yaml::read_moe(*moe, numbers);
  if (mlp.has_value() == moe.has_value()) {
    numbers.spoil();
    node.report(mlp ? "a block with both 'mlp' and 'moe'" : "a block without a feed-forward", "write one of: mlp, moe");
  }
  block.norms = numbers.optional(map, "norms", 0, 4, 2);
  map.finish();
  return block;
}

// Appends the blocks of one entry: a block, or {repeat, block}, or {repeat, pattern: [entry, ...]}.
// `depth` bounds patterns within patterns.
void read_entry(const YamlNode& node, int hidden, Numbers& numbers, std::vector<Block>& blocks, int depth = 0) {
  MapReader map = node.map();
  if (!node.is_map()) {
    numbers.spoil();
    return;
  }
  if (!map.has("repeat") && !map.has("pattern") && !map.has("block")) {
    blocks.push_back(read_block(node, hidden, numbers));
    return;
  }
  const int repeat = numbers.optional(map, "repeat", 1, largest::blocks, 1);
  const auto block = map.optional("block");
  const auto pattern = map.optional("pattern");
  std::vector<Block> once;
  if (block) once.push_back(read_block(*block, hidden, numbers));
  if (pattern && depth == 8) {
    numbers.spoil();
    pattern->report("patterns within patterns more than 8 deep");
  } else if (pattern) {
    for (const auto& item : pattern->items()) read_entry(item, hidden, numbers, once, depth + 1);
  }
  if (block.has_value() == pattern.has_value()) {
    numbers.spoil();
    node.report(block ? "'repeat' of both a 'block' and a 'pattern'" : "'repeat' of nothing",
                "write one of: block, pattern");
  }
  map.finish();
  if (once.size() * static_cast<std::size_t>(repeat) + blocks.size() > largest::blocks) {
    numbers.spoil();
    node.report(fmt::format("more than {} blocks", largest::blocks), "forerun does not read deeper models");
    return;
  }
  for (int i = 0; i < repeat; ++i) blocks.insert(blocks.end(), once.begin(), once.end());
}

std::vector<Block> read_blocks(const YamlNode& node, int hidden, Numbers& numbers) {
  std::vector<Block> blocks;
  if (node.is_missing()) {
    numbers.spoil();
    return blocks;
  }
  for (const auto& entry : node.items()) read_entry(entry, hidden, numbers, blocks);
  return blocks;
}

}  // namespace

Model read_model(const YamlNode& node) {
  Model model;
  MapReader map = node.map();
  if (!node.is_map()) return model;
  Numbers numbers;
  if (const auto name = map.required("name"); !name.is_missing()) model.name = name.text();
  if (const auto aliases = map.optional("aliases")) {
    for (const auto& alias : aliases->items()) model.aliases.push_back(alias.text());
  }
  if (const auto source = map.optional("source")) model.source = source->text();
  if (const auto hidden = map.required("hidden"); !hidden.is_missing()) {
    Numbers own;
    model.hidden = own.read(hidden, 1, largest::hidden);
    if (!own.sound()) model.hidden = 0;  // so that nobody divides it
    numbers.join(own);
  } else {
    numbers.spoil();
  }
  model.vocab = numbers.required(map, "vocab", 0, largest::vocab);
  model.tied_embeddings = model_yaml::flag(map, "tied_embeddings");
  if (const auto kind = map.required("positions"); !kind.is_missing())
    model.positions = static_cast<Positions>(kind.one_of(position_names));
  model.max_positions = numbers.optional(map, "max_positions", 0, largest::positions, 0);
  model.extra_positions = numbers.optional(map, "extra_positions", 0, largest::positions, 0);
  if (const auto kind = map.required("norm"); !kind.is_missing())
    model.norm = static_cast<NormKind>(kind.one_of(norm_names));
  model.embedding_norm = model_yaml::flag(map, "embedding_norm");
  model.final_norm = model_yaml::flag(map, "final_norm", true);
  model.dropout = model_yaml::flag(map, "dropout");
  model.blocks = read_blocks(map.required("blocks"), model.hidden, numbers);
  if (const auto size = map.optional("parameters")) model.published = model_yaml::read_published(*size, numbers);
  map.finish();
  if (numbers.sound()) model_yaml::report(check_outside_blocks(model), node);
  return model;
}

}  // namespace forerun
