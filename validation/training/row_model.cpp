#include "validation/training/row_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <optional>
#include <regex>

#include "base/text.hpp"

namespace forerun {
namespace {

constexpr int gpt_vocabulary = 51200;  // GPT-2's 50,257 padded for tensor parallelism, as Megatron-LM does

std::string spelling(std::string_view name) {
  std::string out = lower(name);
  std::erase_if(out, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
  return out;
}

std::size_t common_prefix(const std::string& a, const std::string& b) {
  return static_cast<std::size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())), b.begin()).first -
      a.begin());
}

std::size_t likeness(const std::string& wanted, const Model& model) {
  std::size_t best = common_prefix(wanted, spelling(model.name));
  for (const std::string& alias : model.aliases)
    best = std::max(best, common_prefix(wanted, spelling(alias.substr(alias.rfind('/') + 1))));
  return best;
}

// The candidate whose name begins most like the row's; among equals the one of the nearest hidden size, then the first.
const Model* most_alike(const TrainingRow& row, const std::vector<const Model*>& candidates, std::size_t least) {
  const std::string wanted = spelling(row.model);
  const Model* best = nullptr;
  std::size_t best_prefix = 0;
  double best_distance = 0;
  for (const Model* model : candidates) {
    const std::size_t prefix = likeness(wanted, *model);
    const double distance = std::abs(std::log(static_cast<double>(model->hidden) / *row.hidden));
    if (prefix < least ||
        (best != nullptr && (prefix < best_prefix || (prefix == best_prefix && distance >= best_distance))))
      continue;
    best = model;
    best_prefix = prefix;
    best_distance = distance;
  }
  return best;
}

std::optional<int> dense_layers(const TrainingRow& row) {
  static const std::regex pattern(R"(dense_layers=(\d{1,3}))");
  std::smatch m;
  return std::regex_search(row.notes, m, pattern) ? std::optional(std::stoi(m[1])) : std::nullopt;
}

// The first layers; where the row says how many of them are dense, as many of the catalogue's dense and then of its
// mixture blocks.
std::vector<Block> cut(const Model& whole, int layers, std::optional<int> dense) {
  std::vector<Block> blocks;
  const auto is_dense = [](const Block& b) { return std::holds_alternative<Mlp>(b.feed_forward); };
  const auto first_dense = std::find_if(whole.blocks.begin(), whole.blocks.end(), is_dense);
  const auto first_mixture = std::find_if_not(whole.blocks.begin(), whole.blocks.end(), is_dense);
  for (int i = 0; i < layers; ++i) {
    const auto at = std::min(static_cast<std::size_t>(i), whole.blocks.size() - 1);
    if (dense && first_dense != whole.blocks.end()) {
      blocks.push_back(i < *dense ? *first_dense : *first_mixture);
    } else {
      blocks.push_back(whole.blocks[at]);
    }
  }
  return blocks;
}

RowModel mixture(const TrainingRow& row, const std::vector<Model>& catalogue) {
  std::vector<const Model*> candidates;
  for (const Model& model : catalogue) {
    const Block& last = model.blocks.back();
    const Moe* moe = std::get_if<Moe>(&last.feed_forward);
    const Attention* attention = last.attention();
    if (moe != nullptr && attention != nullptr && model.hidden == row.hidden && attention->heads == row.heads &&
        moe->experts == row.experts && moe->top_k == row.topk) {
      candidates.push_back(&model);
    }
  }
  const Model* whole = most_alike(row, candidates, 0);
  if (whole == nullptr) return {{}, {}, "mixture not in the catalogue"};
  RowModel result{*whole, {}, ""};
  result.model.name = row.model;
  result.model.published.reset();
  result.model.blocks = cut(*whole, *row.layers, dense_layers(row));
  if (row.vocab) {
    result.model.vocab = *row.vocab;
  } else {
    result.assumed.emplace_back("vocab");
  }
  return result;
}

// What a name like no other stands for.
Model general(bool gated) {
  Model model;
  model.blocks = {Block{.mixer = Attention{.qkv_bias = !gated, .output_bias = !gated},
                        .feed_forward = Mlp{.width = 0, .gated = gated, .bias = !gated}}};
  model.norm = gated ? NormKind::rms : NormKind::layer;
  model.positions = gated ? Positions::rotary : Positions::learned;
  model.tied_embeddings = !gated;
  return model;
}

Block sized(Block block, const TrainingRow& row, const Model& kind, int width) {
  block.hidden = *row.hidden;
  Attention& a = *block.attention();
  // A head dimension of the model's own (Gemma, Qwen 3) goes with its hidden size and heads; otherwise the heads share
  // the hidden size.
  const bool own_heads = kind.hidden == row.hidden && a.heads == row.heads;
  if (!own_heads) a.head_dim = *row.hidden / *row.heads;
  a.heads = *row.heads;
  a.kv_heads = row.kv_heads.value_or(*row.heads);
  std::get<Mlp>(block.feed_forward).width = width;
  return block;
}

// A GPT's table of tokens where only the model's rounded size is stated: GPT-2's, unless the size leaves room for one
// more than twice as large.
int vocabulary_of(const TrainingRow& row, Model model) {
  model.vocab = gpt_vocabulary;
  if (!row.parameters) return model.vocab;
  const double missing = *row.parameters - static_cast<double>(parameter_count(model));
  const double more = missing / ((model.tied_embeddings ? 1.0 : 2.0) * model.hidden);
  constexpr double rounding = 0.01, largest = 300'000, granularity = 1024;
  if (missing < rounding * *row.parameters || more < gpt_vocabulary || more > largest) return model.vocab;
  return static_cast<int>(granularity * std::round((gpt_vocabulary + more) / granularity));
}

}  // namespace

RowModel model_of(const TrainingRow& row, const std::vector<Model>& catalogue) {
  if (row.experts.value_or(0) > 0) return mixture(row, catalogue);

  std::vector<const Model*> candidates;
  for (const Model& model : catalogue) {
    const Attention* attention = model.blocks.back().attention();
    const bool plain = attention != nullptr && !attention->latent && !is_mixture(model);
    if (model.vocab > 0 && plain) candidates.push_back(&model);
  }
  constexpr std::size_t fewest_letters = 3;
  const Model* named = most_alike(row, candidates, fewest_letters);
  const bool plain_width = row.ffn.value_or(4 * *row.hidden) == 4 * *row.hidden;
  const Model kind = named != nullptr ? *named : general(!plain_width);

  RowModel result{kind, {}, ""};
  Model& model = result.model;
  const auto assume = [&result](bool empty, const char* column) {
    if (empty) result.assumed.emplace_back(column);
  };
  const bool same_size = kind.hidden == row.hidden;
  const Mlp& mlp = std::get<Mlp>(kind.blocks.front().feed_forward);
  assume(!row.kv_heads, "kv_heads");
  assume(!row.ffn, "ffn");
  assume(!row.vocab, "vocab");
  model.name = row.model;
  model.published.reset();
  model.hidden = *row.hidden;
  model.max_positions = *row.seq;
  model.extra_positions = 0;
  // Plain blocks with learned positions are GPT as Megatron-LM trains it, dropout 0.1 being its default; a stack may
  // switch it off.
  model.dropout = model.positions == Positions::learned && !mlp.gated;
  model.blocks.clear();
  const int width = row.ffn.value_or(same_size ? mlp.width : 4 * *row.hidden);
  for (std::size_t i = 0; i < static_cast<std::size_t>(*row.layers); ++i) {
    model.blocks.push_back(sized(kind.blocks[i % kind.blocks.size()], row, kind, width));
  }
  model.vocab = row.vocab ? *row.vocab : mlp.gated && kind.vocab > 0 ? kind.vocab : vocabulary_of(row, model);
  if (model.blocks.front().attention()->head_dim * *row.heads != *row.hidden && !same_size) {
    result.refused = fmt::format("not a valid plan: hidden {} is not a multiple of {} heads", *row.hidden, *row.heads);
  }
  return result;
}

}  // namespace forerun
