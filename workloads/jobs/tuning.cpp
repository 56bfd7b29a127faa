#include "workloads/jobs/tuning.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "workloads/models/model.hpp"

namespace forerun {
namespace {

constexpr std::array<std::string_view, 5> kinds{"full", "frozen", "adapter", "lora", "qlora"};
constexpr std::array<std::string_view, 11> targets{"q_proj",      "k_proj",     "v_proj",    "o_proj",
                                                   "gate_proj",   "up_proj",    "down_proj", "linear_qkv",
                                                   "linear_proj", "linear_fc1", "linear_fc2"};
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
