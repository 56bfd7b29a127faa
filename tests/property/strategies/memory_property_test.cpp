// Is every parameter somewhere, none twice, and does memory shrink where it should?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>

#include "strategies/closed_form/block_price.hpp"
#include "strategies/plan/check_plan.hpp"
#include "strategies/programs/held_memory.hpp"
#include "tests/support/random_plans.hpp"

namespace forerun {
namespace {

// Parameters of a model that every rank of a tensor-parallel group holds: norms, routers, biases of row-split products,
// learned positions.
std::int64_t replicated(const Model& model) {
  std::int64_t sum = model.final_norm ? norm_parameters(model, model.hidden) : 0;
  sum += model.positions == Positions::learned
             ? std::int64_t{model.max_positions + model.extra_positions} * model.hidden
             : 0;
  for (const Block& block : model.blocks) {
    sum += block.norms * norm_parameters(model, model.hidden) + (block.attention()->output_bias ? model.hidden : 0);
    if (const Moe* moe = std::get_if<Moe>(&block.feed_forward)) sum += std::int64_t{model.hidden} * moe->experts;
    if (const Mlp* mlp = std::get_if<Mlp>(&block.feed_forward)) sum += mlp->bias ? model.hidden : 0;
  }
  return sum;
}

struct Local {
  std::int64_t dense = 0, expert = 0;
};

Local on_one_rank(const ClosedFormContext& context, const Split& split) {  // of a pipeline of one stage
  const SplitPrices prices = price_split(context.scenario, context.kinds, split);
  Local sum{prices.embedding.parameters + prices.head.parameters, 0};
  for (const int kind : context.kinds.of_layer) {
    sum.dense += prices.blocks[static_cast<std::size_t>(kind)].parameters;
    sum.expert += prices.blocks[static_cast<std::size_t>(kind)].expert_parameters;
  }
  return sum;
}

RC_GTEST_PROP(Parameters, AreSplitWithoutLossOrDuplication, ()) {  // I-18, I-19
  const auto [given, plan] = test::some_plan();
  RC_PRE(plan.tp <= given.model.blocks.front().attention()->kv_heads);  // beyond, keys and values are copied
  const Local local = on_one_rank(ClosedFormContext(test::priced(given)), split_of(plan));
  RC_ASSERT(local.dense * plan.tp - (plan.tp - 1) * replicated(given.model) + local.expert * plan.ep ==
            parameter_count(given.model));
}

RC_GTEST_PROP(Parameters, LieOnOneStageEach, ()) {  // I-19
  auto [given, plan] = test::some_plan();
  const ClosedFormContext context(test::priced(given));
  RC_PRE(!context.scenario.given.stack.update_in_backward);  // which holds one unit's at a time
  const Local local = on_one_rank(context, split_of(plan));
  plan.zero = std::min(plan.zero, 1);  // gradients whole
  Bytes sum{0};
  for (const StageMemory& stage : estimate(context.scenario, plan).memory.stages) sum += stage.gradients;
  RC_ASSERT(sum == static_cast<double>(local.dense + local.expert + second_table(given.model, plan)) *
                       (context.state.gradient + context.state.gradient_copy));
}

RC_GTEST_PROP(States, AreShardedWithoutLoss,
              ()) {  // I-17, I-19: what all ranks hold together is all, and at most one element a rank more
  auto [given, plan] = test::some_plan();
  RC_PRE(plan.zero > 0 && !is_mixture(given.model) && given.job.optimizer != Optimizer::sgd);
  const ClosedFormContext context(test::priced(given));
  const MemoryUse sharded = estimate(context.scenario, plan).memory;
  plan.zero = 0;
  const MemoryUse whole = estimate(context.scenario, plan).memory;
  const double ranks = plan.dp * plan.cp;
  for (std::size_t s = 0; s < whole.stages.size(); ++s) {
    const double together = (ranks * sharded.stages[s].optimizer) / context.state.optimizer,
                 once = whole.stages[s].optimizer / context.state.optimizer;
    RC_ASSERT(together >= once && together < once + ranks);
  }
}

Bytes states(const Scenario& given, const Plan& plan) {
  const StageMemory m = test::memory_of(given, plan).peak();
  return m.parameters + m.gradients + m.optimizer;
}

RC_GTEST_PROP(States, ShrinkWithZeroAndWithRanks, ()) {  // I-17
  const int dp = 2 << *rc::gen::inRange(0, 5);
  const auto course = [](int ranks) {
    return test::course_scenario(ranks, {.sequence = 512, .global_batch = 64, .dtype = DType::fp16},
                                 test::small_dense(4));
  };
  for (int zero = 0; zero < 3; ++zero)
    RC_ASSERT(states(course(dp), {.dp = dp, .zero = zero}) > states(course(dp), {.dp = dp, .zero = zero + 1}));
  for (int zero = 1; zero <= 3; ++zero)
    RC_ASSERT(states(course(2 * dp), {.dp = 2 * dp, .zero = zero}) < states(course(dp), {.dp = dp, .zero = zero}));
  RC_ASSERT(dp * states(course(dp), {.dp = dp, .zero = 3}) == states(course(1), {}));  // S3 x N_d is constant
}

// Saved by all blocks for one micro-batch.
Bytes activations(const Scenario& given, const Plan& plan) {
  const ClosedFormContext context(test::priced(given));
  const SplitPrices prices = price_split(context.scenario, context.kinds, split_of(plan));
  Bytes sum{0};
  for (const int kind : context.kinds.of_layer) sum += prices.blocks[static_cast<std::size_t>(kind)].saved;
  return sum;
}

RC_GTEST_PROP(Activations, DoNotGrowWithRecompute, ()) {
  auto [given, plan] = test::some_plan();
  Bytes before = Bytes::infinity();
  for (const Recompute recompute : {Recompute::none, Recompute::selective, Recompute::full}) {
    plan.recompute = recompute;
    const Bytes now = activations(given, plan);
    RC_ASSERT(now <= before);
    RC_ASSERT(now > Bytes{0});
    before = now;
  }
}

RC_GTEST_PROP(Activations, DoNotShrinkWithTheMicroBatch, ()) {
  auto [given, plan] = test::some_plan();
  given.stack.single_device.reset();  // its update in backward begins where micro-batches end: gradients go
  const Bytes small = activations(given, plan);
  const MemoryUse before = test::memory_of(given, plan);
  plan.micro_batch *= 2;
  RC_PRE(is_valid(given, plan));
  RC_ASSERT(activations(given, plan) == 2.0 * small);
  RC_ASSERT(test::memory_of(given, plan).total() >= before.total());
}

RC_GTEST_PROP(Activations, ShrinkWithSequenceParallelism, ()) {
  auto [given, plan] = test::some_plan();
  RC_PRE(plan.tp > 1 && !is_mixture(given.model));
  plan.sp = false;
  const Bytes whole = activations(given, plan);
  plan.sp = true;
  RC_ASSERT(activations(given, plan) < whole);
}

}  // namespace
}  // namespace forerun
