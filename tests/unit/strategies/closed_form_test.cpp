// Does an estimate put its parts together as one would by hand?
#include "strategies/closed_form/closed_form.hpp"

#include <gtest/gtest.h>

#include "costmodel/collective_model.hpp"
#include "costmodel/parameters.hpp"
#include "strategies/plan/shard.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

const Job job{.sequence = 4096, .global_batch = 8, .dtype = DType::fp16};
constexpr double B = 8, L = 4096, D = 4096, layers = 32;

TEST(ModelFlops, AreThoseOfTheCourse) {
  // I-4: 72 B L D^2 + 12 B L^2 D a layer. The mask leaves the i-th of L positions those up to it: L (L + 1) / 2 pairs.
  const ClosedFormContext context(test::priced(test::course_scenario(8, job)));
  EXPECT_EQ(context.full_square_flops.value(), layers * (72 * B * L * D * D + 12 * B * L * L * D));
  EXPECT_EQ(context.model_flops.value(), layers * (72 * B * L * D * D + 12 * B * (L * (L + 1) / 2) * D));
}

TEST(ModelFlops, CountOfAWindowWhatItLeaves) {
  // The first W positions see 1, 2, ..., W others and themselves, each of the rest W.
  constexpr double W = 1024, pairs = W * (W + 1) / 2 + (L - W) * W;
  Scenario given = test::course_scenario(8, job);
  for (Block& block : given.model.blocks) block.attention()->window = 1024;
  const PricedScenario priced = test::priced(given);
  const ClosedFormContext context(priced);
  const double products = 72 * B * L * D * D;
  EXPECT_DOUBLE_EQ(context.model_flops.value(), layers * (products + 12 * B * pairs * D));
  EXPECT_DOUBLE_EQ(context.full_square_flops.value(), layers * (products + 12 * B * L * L * D));
  const Estimate e = estimate(priced, {.dp = 8});
  EXPECT_DOUBLE_EQ(e.mfu / e.mfu_full_square, (products + 12 * B * pairs * D) / (products + 12 * B * L * L * D));
}

TEST(Utilisation, OfTheHardwareCountsWhatIsDoneAgain) {
  const PricedScenario priced = test::priced(test::course_scenario(8, job));
  const Estimate once = estimate(priced, {.dp = 8}), again = estimate(priced, {.dp = 8, .recompute = Recompute::full});
  EXPECT_DOUBLE_EQ(once.hfu, once.mfu);
  EXPECT_DOUBLE_EQ(again.hfu, again.mfu * 4 / 3);  // a second forward pass beside one forward and two backward
  EXPECT_DOUBLE_EQ(once.mfu, ClosedFormContext(priced).model_flops.value() / (8 * 312e12 * once.step.median.value()));
}

TEST(Throughput, IsTokensOverTheStep) {
  const Estimate e = estimate(test::priced(test::course_scenario(8, job)), {.dp = 8});
  EXPECT_DOUBLE_EQ(e.tokens_per_second, B * L / e.step.median.value());
}

TEST(CostAndEnergy, AreThoseOfAllDevicesForTheStep) {
  const PricedScenario priced = test::priced(test::course_scenario(8, job));
  const Estimate e = estimate(priced, {.dp = 8});
  ASSERT_TRUE(e.cost);
  EXPECT_DOUBLE_EQ(e.cost->value(), 8 * priced.device().price->value() * e.step.median.value());
  const double full = 8 * 400 * e.step.median.value();  // 400 W each
  EXPECT_LT(e.energy.value(), full);
  EXPECT_GT(e.energy.value(), full * priced.parameters->idle_power);
  const double busy = ((e.breakdown.compute + e.breakdown.recompute + e.breakdown.optimizer) / e.step.median);
  EXPECT_DOUBLE_EQ(e.energy.value(), full * (busy + (1 - busy) * priced.parameters->idle_power));
}

TEST(Host, IsPaidOncePerStepAndWhereKernelsAreShort) {
  Scenario given = test::course_scenario(1, {.sequence = 64, .global_batch = 2, .dtype = DType::fp16}, test::m7(1));
  const Estimate quick = estimate(test::priced(given), {});
  given.stack.host_per_step = 1.0_s;
  EXPECT_DOUBLE_EQ((estimate(test::priced(given), {}).step.median - quick.step.median).value(), 1);
  given.stack.host_per_step = 0.0_s;
  given.stack.host_per_kernel = 1.0_s;
  std::size_t kernels = 0;
  const TokenShape shape = local_tokens(given.job, {}, given.model.blocks[0]);
  for (const Operator& op :
       block_operators(given.model, given.model.blocks[0], shape, implementation(given.stack, given.job)))
    kernels += op.forward.size() + op.input_gradient.size() + op.weight_gradient.size();
  EXPECT_DOUBLE_EQ(estimate(test::priced(given), {}).breakdown.compute.value(),
                   2.0 * static_cast<double>(kernels));  // two micro-batches
}

TEST(Breakdown, HasNoBubbleWithoutAPipeline) {
  const Scenario given = test::course_scenario(8, {.sequence = 4096, .global_batch = 24, .dtype = DType::fp16});
  for (const int tp : {1, 2, 4, 8}) {
    const Estimate e = estimate(test::priced(given), {.tp = tp, .dp = 8 / tp});
    EXPECT_EQ(e.breakdown.bubble, Seconds{0});
    EXPECT_NEAR(e.breakdown.total() / e.step.median, 1, 1e-9);
  }
}

TEST(Band, DoesNotNarrowAsTheBubbleGrows) {
  // Other stages' kernels err as this one's: with nothing to send, the relative band is the same for any number of
  // micro-batches.
  const Plan plan{.pp = 8, .schedule = ScheduleKind::gpipe};
  const auto spread = [&](int batch) {
    Scenario given = test::course_scenario(8, {.sequence = 4096, .global_batch = batch, .dtype = DType::fp16});
    PricedScenario priced = test::priced(given);
    for (Level& level : priced.topology.levels) level.per_device = level.per_component = BytesPerSecond::infinity();
    FamilyParameters parameters = *priced.parameters;
    parameters.collective = {};
    priced.collectives = make_collectives(parameters);
    const Estimate e = estimate(priced, plan);
    return e.step.spread *
           (e.step.median / (e.step.median - e.breakdown.optimizer - e.breakdown.exposed_in(Dimension::pp)));
  };
  EXPECT_NEAR(spread(1), spread(128), 1e-3);
}

TEST(Memory, OfWideParametersHasAWorkingCopy) {
  // fp32 parameters of FSDP computed in 16 bits: whole copy below ZeRO-3, the stored ones sharded from ZeRO-2 on.
  const double parameters = 12 * D * D * layers;
  Scenario given = test::course_scenario(8, job);
  given.stack.precision.parameters = DType::fp32;
  given.stack.precision.master = std::nullopt;
  const PricedScenario priced = test::priced(given);
  const auto held = [&](int zero) {
    return estimate(priced, {.dp = 8, .zero = zero}).memory.peak().parameters.value();
  };
  EXPECT_EQ(held(0), parameters * (4 + 2));
  EXPECT_EQ(held(2), parameters * (4.0 / 8 + 2));
  EXPECT_EQ(held(3), parameters * 4 / 8);
}

TEST(Breakdown, OfAPipelineHasTheBubbleOfTheCourse) {
  // Equal stages, and sends that take next to nothing: (K-1)/(M+K-1) of compute and bubble together, E28.
  const Estimate e = estimate(
      test::priced(test::course_scenario(4, {.sequence = 4096, .global_batch = 16, .dtype = DType::fp16})), {.pp = 4});
  EXPECT_NEAR(e.breakdown.bubble / (e.breakdown.bubble + e.breakdown.compute), 0.1579, 2e-4);
}

TEST(Overlap, HidesTheShareThatTheSoftwareCan) {
  Scenario given = test::course_scenario(8, {.sequence = 4096, .global_batch = 8, .dtype = DType::fp16});
  const Plan plan{.tp = 8};
  const Breakdown none = estimate(test::priced(given), plan).breakdown;
  EXPECT_EQ(none.hidden_in(Dimension::tp), Seconds{0});
  // Of the all-reduces of the inputs' gradients, which are half of all, behind their weight gradients, which take
  // longer.
  given.stack.overlap.tp_backward = 0.5;
  given.stack.contention = 0.2;
  const Breakdown half = estimate(test::priced(given), plan).breakdown;
  const Seconds all = none.exposed_in(Dimension::tp);
  EXPECT_NEAR(half.hidden_in(Dimension::tp) / all, 0.25, 1e-9);
  EXPECT_NEAR(half.exposed_in(Dimension::tp) / all, 0.75 + 0.2 * 0.25, 1e-9);  // what runs beside slows the computation
}

TEST(PipelineHops, AreAsSlowAsTheSlowest) {
  // Four stages of four devices on two nodes: only the middle one of three hops leaves a node.
  Scenario given = test::course_scenario(16, job);
  const Plan plan{.tp = 4, .pp = 4};
  const Seconds now = estimate(test::priced(given), plan).breakdown.exposed_in(Dimension::pp);
  given.cluster.nodes[0].node.nic.bandwidth /= 10;
  EXPECT_GT(estimate(test::priced(given), plan).breakdown.exposed_in(Dimension::pp), now);
}

TEST(DataParallel, HidesAllButTheLastPieceBehindThePass) {
  Scenario given = test::course_scenario(8, job);
  const Breakdown none = estimate(test::priced(given), {.dp = 8}).breakdown;
  given.stack.overlap.dp = 1;
  const Breakdown hidden = estimate(test::priced(given), {.dp = 8}).breakdown;
  // 32 blocks are 32 pieces; the last has nothing left to hide behind.
  EXPECT_NEAR(hidden.exposed_in(Dimension::dp) / none.exposed_in(Dimension::dp), 1.0 / 32, 1e-9);
}

}  // namespace
}  // namespace forerun
