#include "workloads/models/model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace forerun {
namespace {

class Findings {
 public:
  void within(const char* key, int value, int least, int most) {
    if (value < least) add(fmt::format("'{}' is {}, less than {}", key, value, least));
    if (value > most) add(fmt::format("'{}' is {}, more than {}", key, value, most));
  }
  void require(bool holds, std::string message, std::string hint = "") {
    if (!holds) add(std::move(message), std::move(hint));
  }
  void add(std::string message, std::string hint = "") {
    problems_.push_back({{}, std::move(message), std::move(hint)});
  }
  Problems take() { return std::move(problems_); }

 private:
  Problems problems_;
};

void check_latent(const Attention& attention, const Latent& latent, Findings& findings) {
  findings.within("query_rank", latent.query_rank, 0, largest::width);
  findings.within("kv_rank", latent.kv_rank, 1, largest::width);
  findings.within("nope_dim", latent.nope_dim, 0, largest::head_dim);
  findings.within("rope_dim", latent.rope_dim, 0, largest::head_dim);
  findings.within("value_dim", latent.value_dim, 1, largest::head_dim);
  findings.require(attention.head_dim == latent.nope_dim + latent.rope_dim,
                   fmt::format("'head_dim' is {}, but the latent's nope_dim + rope_dim is {} + {}", attention.head_dim,
                               latent.nope_dim, latent.rope_dim),
                   "leave head_dim out");
  findings.require(attention.kv_heads == attention.heads,
                   fmt::format("{} kv_heads with a latent, which gives each of the {} heads a key and a value",
                               attention.kv_heads, attention.heads),
                   "leave kv_heads out");
  findings.require(!attention.qkv_bias, "'qkv_bias' is not modelled with a latent");
  findings.require(!attention.qk_norm, "'qk_norm' is not modelled with a latent",
                   "the latents' own two norms are always counted");
}

void check_moe(const Moe& moe, Findings& findings) {
  findings.within("experts", moe.experts, 1, largest::experts);
  findings.within("top_k", moe.top_k, 1, largest::experts);
  findings.within("width", moe.width, 1, largest::width);
  findings.within("shared_width", moe.shared_width, 0, largest::width);
  findings.require(moe.top_k <= moe.experts,
                   fmt::format("'top_k' is {}, but there are {} experts", moe.top_k, moe.experts),
                   "a token visits each expert at most once");
  findings.require(!moe.shared_gate || moe.shared_width > 0, "'shared_gate' without a shared expert",
                   "write its shared_width");
}

void check_published(const Model& model, const PublishedSize& published, Findings& findings) {
  const auto count = parameter_count(model);
  if (std::abs(static_cast<double>(count) - published.parameters) <= published.uncertainty) return;
  findings.add(
      published.uncertainty == 0
          ? fmt::format("these shapes make {} parameters, but 'parameters' says {:.0f}", count, published.parameters)
          : fmt::format("these shapes make {} parameters, but 'parameters' says {:.0f} give or take {:.0f}", count,
                        published.parameters, published.uncertainty),
      "correct the shapes, or leave 'parameters' out");
}

Problems check(const Model& model, const Block& block) {
  Problems problems = std::visit([](const auto& mixer) { return forerun::check(mixer); }, block.mixer);
  for (auto& problem : forerun::check(block.feed_forward)) problems.push_back(std::move(problem));
  Findings findings;
  findings.within("norms", block.norms, 0, 4);
  findings.require(block.hidden == model.hidden,
                   fmt::format("'hidden' is {}, but the model's is {}", block.hidden, model.hidden),
                   "a projection between blocks of different widths is not modelled yet");
  for (auto& problem : findings.take()) problems.push_back(std::move(problem));
  return problems;
}

// Problems of the blocks, each run of equal blocks once.
Problems check_blocks(const Model& model) {
  const std::vector<Block>& blocks = model.blocks;
  Problems problems;
  for (auto first = blocks.begin(); first != blocks.end();) {
    const auto end = std::find_if(first, blocks.end(), [&](const Block& block) { return !(block == *first); });
    const auto from = first - blocks.begin(), to = end - blocks.begin() - 1;
    const auto where = from == to ? fmt::format("block {}", from) : fmt::format("blocks {} to {}", from, to);
    for (auto& problem : check(model, *first)) {
      problem.message = where + ": " + problem.message;
      problems.push_back(std::move(problem));
    }
    first = end;
  }
  return problems;
}

Problems check_sizes(const Model& model) {
  Findings findings;
  findings.within("hidden", model.hidden, 1, largest::hidden);
  findings.within("vocab", model.vocab, 0, largest::vocab);
  findings.within("max_positions", model.max_positions, 0, largest::positions);
  findings.within("extra_positions", model.extra_positions, 0, largest::positions);
  const bool learned = model.positions == Positions::learned;
  findings.require(!learned || model.max_positions > 0, "learned positions without 'max_positions'",
                   "write how many rows their table has");
  findings.require(learned || model.extra_positions == 0, "'extra_positions' without learned positions");
  findings.require(!model.embedding_norm || model.norm != NormKind::none, "'embedding_norm' where 'norm' is none");
  findings.require(!model.blocks.empty(), "no blocks", "write at least one");
  findings.require(model.blocks.size() <= largest::blocks,
                   fmt::format("{} blocks, more than {}", model.blocks.size(), largest::blocks));
  return findings.take();
}

}  // namespace

Problems check(const Attention& attention) {
  Findings findings;
  findings.within("heads", attention.heads, 1, largest::heads);
  findings.within("kv_heads", attention.kv_heads, 1, largest::heads);
  findings.within("head_dim", attention.head_dim, 1, 2 * largest::head_dim);
  findings.require(attention.kv_heads < 1 || attention.heads % attention.kv_heads == 0,
                   fmt::format("{} kv_heads do not divide {} heads", attention.kv_heads, attention.heads),
                   "every key-value head serves the same number of query heads");
  if (attention.window) findings.within("window", *attention.window, 1, largest::positions);
  if (attention.latent) check_latent(attention, *attention.latent, findings);
  return findings.take();
}

Problems check(const FeedForward& feed_forward) {
  Findings findings;
  if (const auto* moe = std::get_if<Moe>(&feed_forward)) {
    check_moe(*moe, findings);
  } else {
    findings.within("width", std::get<Mlp>(feed_forward).width, 1, largest::width);
  }
  return findings.take();
}

Problems check_outside_blocks(const Model& model) {
  Problems problems = check_sizes(model);
  // A count is only as good as the numbers that it is made of.
  if (!model.published || !problems.empty() || !check_blocks(model).empty()) return problems;
  Findings findings;
  check_published(model, *model.published, findings);
  return findings.take();
}

Problems check(const Model& model) {
  Problems problems = check_outside_blocks(model);
  for (auto& problem : check_blocks(model)) problems.push_back(std::move(problem));
  return problems;
}

bool is_mixture(const Model& model) {
  return std::any_of(model.blocks.begin(), model.blocks.end(),
                     [](const Block& block) { return std::holds_alternative<Moe>(block.feed_forward); });
}

}  // namespace forerun
