// Do estimates of any valid plan add up, respect physics, and scale?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "costmodel/collective_model.hpp"
#include "costmodel/kernel_model.hpp"
#include "costmodel/parameters.hpp"
#include "tests/support/random_plans.hpp"

namespace forerun {
namespace {

using test::some_plan;

bool near(Seconds a, Seconds b) { return std::abs(a / b - 1) < 1e-9; }

RC_GTEST_PROP(Estimates, AddUpToTheStep, ()) {
  const auto [given, plan] = some_plan();
  const Estimate e = estimate(test::priced(given), plan);
  const Breakdown& b = e.breakdown;
  Seconds sum = b.compute + b.recompute + b.bubble + b.optimizer + b.host;
  for (const Seconds exposed : b.exposed) sum += exposed;
  RC_ASSERT(near(sum, e.step.median));
  for (const Seconds part : {b.compute, b.recompute, b.bubble, b.optimizer, b.host}) RC_ASSERT(part >= Seconds{-1e-12});
  for (std::size_t d = 0; d < all_dimensions.size(); ++d)
    RC_ASSERT(b.exposed[d] >= Seconds{0} && b.hidden[d] >= Seconds{0});
  RC_ASSERT(std::isfinite(e.step.median.value()));
}

RC_GTEST_PROP(Estimates, LieInsideTheirBand, ()) {
  const auto [given, plan] = some_plan();
  const Timing step = estimate(test::priced(given), plan).step;
  RC_ASSERT(step.low() < step.median);
  RC_ASSERT(step.median < step.high());
  RC_ASSERT(step.spread < 1);
}

// What no implementation can leave out: the products, and the causal half of the scores.
Flops least_flops(const Scenario& given) {
  const Split whole;
  Flops sequence{0};
  const auto add = [&](const std::vector<Operator>& list) { sequence += forward_flops(list) + backward_flops(list); };
  for (const Block& block : given.model.blocks)
    add(block_operators(given.model, block, local_tokens(given.job, whole, block), {}));
  add(head_operators(given.model, given.model.vocab, local_tokens(given.job, whole, given.model.blocks.front()), {}));
  return given.job.global_batch * sequence;
}

RC_GTEST_PROP(Estimates, AreNeverFasterThanThePeak, ()) {
  const auto [given, plan] = some_plan();
  const PricedScenario priced = test::priced(given);
  const FlopsPerSecond all = given.gpus * peak(priced.device(), given.job.dtype);
  RC_ASSERT(estimate(priced, plan).step.median >= least_flops(given) / all);
}

RC_GTEST_PROP(Estimates, CountTokensAndUtilisationAlike, ()) {  // I-43
  const auto [given, plan] = some_plan();
  const PricedScenario priced = test::priced(given);
  const Estimate e = estimate(priced, plan);
  const double tokens = static_cast<double>(tokens_per_step(given.job));
  RC_ASSERT(std::abs(e.tokens_per_second * e.step.median.value() / tokens - 1) < 1e-9);
  const FlopsPerSecond all = given.gpus * peak(priced.device(), given.job.dtype);
  RC_ASSERT(std::abs(e.mfu * (all * e.step.median) / ClosedFormContext(priced).model_flops - 1) < 1e-9);
  RC_ASSERT(e.hfu >= e.mfu);
  RC_ASSERT((plan.recompute == Recompute::full) == (e.hfu > e.mfu) || plan.recompute == Recompute::selective);
}

// 100 scenarios, 50 plans each: sequences from 512 to 16 M positions, with and without windows.
RC_GTEST_PROP(Estimates, UseNoMoreThanThePeak, ()) {
  Scenario given = test::some_scenario();
  if (given.model.positions == Positions::learned) given.model.positions = Positions::rotary;
  given.job.sequence = 512 << *rc::gen::inRange(0, 16);
  const int window = *rc::gen::element(0, 128, 4096, 131072);
  for (Block& block : given.model.blocks) {
    if (window > 0) block.attention()->window = window;
  }
  const std::vector<Plan> plans = test::all_plans(given);
  RC_PRE(!plans.empty());
  const PricedScenario priced = test::priced(given);
  for (int i = 0; i < 50; ++i) {
    const Plan plan = *rc::gen::elementOf(plans);
    const Estimate e = estimate(priced, plan);
    RC_LOG() << given.model.name << ", sequence " << given.job.sequence << ", window " << window << ": "
             << summary(plan) << ": MFU " << e.mfu << ", HFU " << e.hfu << '\n';
    RC_ASSERT(e.mfu > 0);
    RC_ASSERT(e.hfu >= e.mfu);
    RC_ASSERT(e.hfu <= 1);
    RC_ASSERT(e.mfu_full_square >= e.mfu);
  }
}

// `rates` times as fast everywhere, and `latencies` times as long to start anything.
PricedScenario scaled(const PricedScenario& from, double rates, double latencies) {
  PricedScenario to = from;
  Device& device = to.given.cluster.nodes[0].node.device;
  for (auto& [dtype, rate] : device.peak) rate *= rates;
  device.memory.bandwidth *= rates;
  device.power *= rates;  // it limits the rate of large products
  device.launch_overhead *= latencies;
  for (Level& level : to.topology.levels)
    level.per_device *= rates, level.per_component *= rates, level.latency *= latencies;
  FamilyParameters parameters = *from.parameters;
  parameters.nccl.reset();  // its latencies are NCCL's, not the scenario's
  CollectiveParameters& p = parameters.collective;
  p.base *= latencies, p.intra_hop *= latencies, p.inter_hop *= latencies;
  to.given.stack.host_per_kernel *= latencies, to.given.stack.host_per_step *= latencies;
  to.kernels = make_datasheet_kernels(device, parameters, to.given.stack.attention);
  to.collectives = make_collectives(parameters);
  return to;
}

RC_GTEST_PROP(Estimates, HalveWithAllUnits, ()) {  // I-49
  const auto [given, plan] = some_plan();
  const PricedScenario priced = test::priced(given);
  // By the family's defaults, whose fixed costs are the device's; those of fitted kernels are constants of their
  // calibration.
  const Estimate slow = estimate(scaled(priced, 1, 1), plan), fast = estimate(scaled(priced, 2, 0.5), plan);
  // Whole picoseconds: half a one for each of a pass's kernels, which take microseconds.
  RC_ASSERT(std::abs(2.0 * fast.step.median / slow.step.median - 1) < 1e-6);
  RC_ASSERT(std::abs(fast.step.spread - slow.step.spread) < 1e-6);
}

RC_GTEST_PROP(Estimates, AreNotSlowedByFasterHardware, ()) {
  const auto [given, plan] = some_plan();
  const PricedScenario priced = test::priced(given);
  PricedScenario network = priced;
  for (Level& level : network.topology.levels) level.per_device *= 2, level.per_component *= 2;
  const Seconds now = estimate(priced, plan).step.median;
  RC_ASSERT(estimate(network, plan).step.median <= (1 + 1e-12) * now);
}

RC_GTEST_PROP(Estimates, ThatForbidOverlapAreNotFaster, ()) {
  auto [given, plan] = some_plan();
  const PricedScenario priced = test::priced(given);
  plan.overlap = {};
  const Seconds usual = estimate(priced, plan).step.median;
  plan.overlap = {.tp = false, .cp = false, .ep = false, .dp = false, .pp = false};
  const Estimate without = estimate(priced, plan);
  RC_ASSERT(without.step.median >= (1 - 1e-12) * usual);
  for (const Dimension d : {Dimension::tp, Dimension::cp, Dimension::ep, Dimension::dp})
    RC_ASSERT(without.breakdown.hidden_in(d) == Seconds{0});
}

RC_GTEST_PROP(Estimates, ChargeOnlyWhatThePlanUses, ()) {
  const auto [given, plan] = some_plan();
  const Breakdown b = estimate(test::priced(given), plan).breakdown;
  RC_ASSERT(plan.tp > 1 || b.exposed_in(Dimension::tp) == Seconds{0});
  RC_ASSERT((plan.cp > 1) == (b.exposed_in(Dimension::cp) + b.hidden_in(Dimension::cp) > Seconds{0}));
  RC_ASSERT((plan.pp > 1) == (b.exposed_in(Dimension::pp) > Seconds{0}));
  RC_ASSERT(plan.pp > 1 || std::abs(b.bubble.value()) < 1e-12);
  RC_ASSERT((plan.dp * plan.cp > 1 || (plan.tp > 1 && is_mixture(given.model))) ||
            b.exposed_in(Dimension::dp) == Seconds{0});
  RC_ASSERT((plan.recompute == Recompute::none) == (b.recompute == Seconds{0}) ||
            plan.recompute == Recompute::selective);
}

}  // namespace
}  // namespace forerun
