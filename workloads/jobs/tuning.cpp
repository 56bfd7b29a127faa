#include "workloads/jobs/tuning.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/files/yaml.hpp"
#include "workloads/models/model.hpp"

namespace forerun {
namespace {

constexpr std::array<std::string_view, 5> kinds{"full", "frozen", "adapter", "lora", "qlora"};
constexpr std::array<std::string_view, 11> targets{"q_proj",      "k_proj",     "v_proj",    "o_proj",
                                                   "gate_proj",   "up_proj",    "down_proj", "linear_qkv",
                                                   "linear_proj", "linear_fc1", "linear_fc2"};
constexpr int most = 1 << 16;

template <class Names>
std::vector<std::string> list(const Names& names) {
  return {names.begin(), names.end()};
}

int number(const YamlNode& node, int least) { return static_cast<int>(node.integer(least, most)); }

// Keys of one kind of tuning under another one are mistakes.
void refuse(MapReader& map, const char* key, TuningKind kind) {
  if (const auto node = map.optional(key))
    node->report(fmt::format("tuning {} has no {}", to_string(kind), key), "leave it out, or choose another tuning");
}

using enum LowRankTarget;

// A matrix that is tuned by itself and as a part of a fused product.
struct Fused {
  LowRankTarget whole;
  std::vector<LowRankTarget> parts;
};
const std::array fused{Fused{linear_qkv, {q_proj, k_proj, v_proj}}, Fused{linear_proj, {o_proj}},
                       Fused{linear_fc1, {gate_proj, up_proj}}, Fused{linear_fc2, {down_proj}}};

bool has(const Tuning& tuning, LowRankTarget target) {
  return std::find(tuning.target.begin(), tuning.target.end(), target) != tuning.target.end();
}

bool gated(const FeedForward& layer) {
  return std::visit([](const auto& l) { return l.gated; }, layer);
}

void check_low_rank(const Tuning& tuning, const Model& model, Problems& problems) {
  if (tuning.rank == 0)
    problems.push_back({{}, fmt::format("tuning {} needs a rank", to_string(tuning.kind)), "write rank: 16"});
  if (tuning.target.empty())
    problems.push_back({{},
                        fmt::format("tuning {} needs targets", to_string(tuning.kind)),
                        "write target: [linear_qkv, linear_proj]"});
  for (const Fused& product : fused) {
    for (const LowRankTarget part : product.parts) {
      if (!has(tuning, product.whole) || !has(tuning, part)) continue;
      problems.push_back({{},
                          fmt::format("target {} is a part of {}", to_string(part), to_string(product.whole)),
                          "name one of them"});
    }
  }
  const bool latent = std::any_of(model.blocks.begin(), model.blocks.end(), [](const Block& b) {
    return b.attention() != nullptr && b.attention()->latent.has_value();
  });
  const bool into_attention =
      has(tuning, q_proj) || has(tuning, k_proj) || has(tuning, v_proj) || has(tuning, linear_qkv);
  if (latent && into_attention) {
    problems.push_back({{},
                        "low-rank factors beside the projections of latent attention are not modelled",
                        "name o_proj and the feed-forward's products"});
  }
  const bool no_gate =
      std::any_of(model.blocks.begin(), model.blocks.end(), [](const Block& b) { return !gated(b.feed_forward); });
  if (no_gate && has(tuning, gate_proj))
    problems.push_back(
        {{}, fmt::format("target gate_proj, but {} has no gate", model.name), "name up_proj and down_proj"});
}

void check_frozen(const Tuning& tuning, const Model& model, Problems& problems) {
  const auto blocks = static_cast<int>(model.blocks.size());
  if (tuning.trainable_blocks > blocks) {
    problems.push_back({{},
                        fmt::format("{} trainable blocks, but {} has {}", tuning.trainable_blocks, model.name, blocks),
                        fmt::format("write at most {}", blocks)});
  }
  if (!tuning.train_head && tuning.trainable_blocks == 0)
    problems.push_back({{}, "nothing is trained", "write trainable_blocks above 0, or train_head: true"});
  if (tuning.train_head && model.tied_embeddings) {
    problems.push_back({{},
                        fmt::format("the head of {} is its embedding, whose gradient needs all blocks", model.name),
                        "write train_head: false, or tuning: full"});
  }
}

}  // namespace

std::string_view to_string(TuningKind kind) { return kinds[static_cast<std::size_t>(kind)]; }
std::string_view to_string(LowRankTarget target) { return targets[static_cast<std::size_t>(target)]; }

std::int64_t nf4_bytes(std::int64_t elements) {
  return (elements + 1) / 2 + (elements + 63) / 64 + 4 * ((elements + 64 * 256 - 1) / (64 * 256));
}

std::vector<LowRankTarget> read_targets(const YamlNode& node) {
  std::vector<LowRankTarget> chosen;
  for (const YamlNode& item : node.items()) {
    const auto target = static_cast<LowRankTarget>(item.one_of(list(targets)));
    if (std::find(chosen.begin(), chosen.end(), target) != chosen.end())
      item.report(fmt::format("target {} twice", to_string(target)), "name it once");
    chosen.push_back(target);
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

Tuning read_tuning(MapReader& map) {
  Tuning tuning;
  tuning.kind = map.optional("tuning", [](const YamlNode& n) { return static_cast<TuningKind>(n.one_of(list(kinds))); })
                    .value_or(TuningKind::full);
  if (is_low_rank(tuning)) {
    tuning.rank = map.optional("rank", [](const YamlNode& n) { return number(n, 1); }).value_or(0);
    tuning.target = map.optional("target", read_targets).value_or(std::vector<LowRankTarget>{});
  } else {
    refuse(map, "rank", tuning.kind);
    refuse(map, "target", tuning.kind);
  }
  if (tuning.kind == TuningKind::adapter) {
    tuning.width = number(map.required("width"), 1);
  } else {
    refuse(map, "width", tuning.kind);
  }
  if (tuning.kind == TuningKind::frozen) {
    tuning.trainable_blocks =
        map.optional("trainable_blocks", [](const YamlNode& n) { return number(n, 0); }).value_or(0);
    tuning.train_head = map.optional("train_head", [](const YamlNode& n) { return n.boolean(); }).value_or(true);
  } else {
    refuse(map, "trainable_blocks", tuning.kind);
    refuse(map, "train_head", tuning.kind);
  }
  return tuning;
}

std::string to_yaml(const Tuning& tuning) {
  switch (tuning.kind) {
    case TuningKind::full:
      return "";
    case TuningKind::frozen:
      return fmt::format(", tuning: frozen, trainable_blocks: {}, train_head: {}", tuning.trainable_blocks,
                         tuning.train_head);
    case TuningKind::adapter:
      return fmt::format(", tuning: adapter, width: {}", tuning.width);
    case TuningKind::lora:
    case TuningKind::qlora:
      break;
  }
  std::string text = fmt::format(", tuning: {}", to_string(tuning.kind));
  if (tuning.rank > 0) text += fmt::format(", rank: {}", tuning.rank);
  std::string names;
  for (const LowRankTarget target : tuning.target)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", to_string(target));
  return names.empty() ? text : text + ", target: [" + names + "]";
}

Problems check(const Tuning& tuning, const Model& model) {
  Problems problems;
  if (is_low_rank(tuning)) check_low_rank(tuning, model, problems);
  if (tuning.kind == TuningKind::frozen) check_frozen(tuning, model, problems);
  return problems;
}

void freeze_blocks(const Tuning& tuning, Model& model) {
  if (tuning.kind != TuningKind::frozen) return;
  const std::size_t blocks = model.blocks.size(),
                    trained = std::min(blocks, static_cast<std::size_t>(tuning.trainable_blocks));
  for (std::size_t i = 0; i < blocks - trained; ++i) model.blocks[i].frozen = true;
}

}  // namespace forerun
