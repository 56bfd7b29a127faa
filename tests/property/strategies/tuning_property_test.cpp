// Is every parameter of a fine-tuning job either trained or frozen, and does training less never hold more?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "strategies/closed_form/block_price.hpp"
#include "tests/support/lowered_plans.hpp"

namespace forerun {
namespace {

test::Drawn some_tuned_plan() {
  const auto drawn = test::some_lowered_plan();
  RC_PRE(has_frozen_base(drawn.given.job.tuning));
  return drawn;
}

// What the job adds to a model: factors, each matrix by its own shape; bottlenecks.
std::int64_t added(const Scenario& given) {
  const Tuning& t = given.job.tuning;
  const std::int64_t hidden = given.model.hidden;
  std::int64_t sum = 0;
  for (const Block& block : given.model.blocks) {
    if (t.kind == TuningKind::adapter) sum += 2 * (2 * hidden * t.width + t.width + hidden);
    const std::int64_t query = std::int64_t{block.attention()->heads} * block.attention()->head_dim,
                       key = std::int64_t{block.attention()->kv_heads} * block.attention()->head_dim;
    struct Layer {
      std::int64_t width, copies;
      bool gated;
    };
    std::vector<Layer> layers;
    if (const Mlp* mlp = std::get_if<Mlp>(&block.feed_forward)) layers = {{mlp->width, 1, mlp->gated}};
    if (const Moe* moe = std::get_if<Moe>(&block.feed_forward))
      layers = {{moe->width, moe->experts, moe->gated}, {moe->shared_width, moe->shared_width > 0 ? 1 : 0, moe->gated}};
    for (const LowRankTarget target : t.target) {
      const auto factors = [&](std::int64_t in, std::int64_t out) { return t.rank * (in + out); };
      switch (target) {
        case LowRankTarget::q_proj:
          sum += factors(hidden, query);
          break;
        case LowRankTarget::k_proj:
        case LowRankTarget::v_proj:
          sum += factors(hidden, key);
          break;
        case LowRankTarget::linear_qkv:
          sum += factors(hidden, query + 2 * key);
          break;
        case LowRankTarget::o_proj:
        case LowRankTarget::linear_proj:
          sum += factors(query, hidden);
          break;
        default:
          for (const Layer& l : layers)
            sum += l.copies * factors(hidden, target == LowRankTarget::linear_fc1 && l.gated ? 2 * l.width : l.width);
      }
    }
  }
  return sum;
}

RC_GTEST_PROP(Tuning, TrainsOrFreezesEveryParameter, ()) {
  const auto [given, plan] = some_tuned_plan();
  const ClosedFormContext context(test::priced(given));
  Split split;  // one rank has all
  split.micro_batch = plan.micro_batch;
  const SplitPrices prices = price_split(context.scenario, context.kinds, split);
  std::int64_t trained = 0, frozen = 0;
  const auto add = [&](const BlockPrice& price) {
    trained += price.parameters + price.expert_parameters, frozen += price.frozen + price.frozen_experts;
    RC_ASSERT(price.runs_backward || price.parameters + price.expert_parameters == 0);
  };
  add(prices.embedding), add(prices.head);
  for (const int kind : context.kinds.of_layer) add(prices.blocks[static_cast<std::size_t>(kind)]);
  if (given.job.tuning.kind == TuningKind::frozen) {
    RC_ASSERT(trained > 0 && trained + frozen == parameter_count(given.model));
  } else {
    RC_ASSERT(trained == added(given));
    if (given.job.tuning.kind != TuningKind::qlora) RC_ASSERT(frozen == parameter_count(given.model));
    if (given.job.tuning.kind == TuningKind::qlora)
      RC_ASSERT(frozen < parameter_count(given.model) && 4 * frozen > parameter_count(given.model));
  }
}

RC_GTEST_PROP(Tuning, HoldsNoMoreStatesThanTrainingEverything, ()) {
  auto [given, plan] = some_tuned_plan();
  RC_PRE(given.job.tuning.kind == TuningKind::frozen || added(given) < parameter_count(given.model) / 2);
  const MemoryUse part = test::memory_of(given, plan);
  given.job.tuning = {};
  const MemoryUse whole = test::memory_of(given, plan);
  Bytes of_part{0}, of_whole{0};
  for (std::size_t s = 0; s < whole.stages.size(); ++s) {
    of_part += part.stages[s].gradients + part.stages[s].optimizer;
    of_whole += whole.stages[s].gradients + whole.stages[s].optimizer;
  }
  RC_ASSERT(of_part <= of_whole);
}

}  // namespace
}  // namespace forerun
