// Does a device hold what the papers say it holds?
#include <gtest/gtest.h>

#include "strategies/closed_form/block_price.hpp"
#include "strategies/plan_runs.hpp"
#include "strategies/programs/steps/training/lower.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

const Job course_job{.sequence = 4096, .global_batch = 64, .dtype = DType::fp16};
constexpr double psi = 12.0 * 32 * 4096 * 4096;  // of M7

TEST(StateMemory, IsThatOfTheZeroPaper) {
  // E34 with M7 for 7.5 B: 2 + 2 + 12 bytes, the shards over 64.
  const Scenario given = test::course_scenario(64, course_job);
  const double gradients[] = {2, 2, 2.0 / 64, 2.0 / 64}, parameters[] = {2, 2, 2, 2.0 / 64},
               states[] = {12, 12.0 / 64, 12.0 / 64, 12.0 / 64};
  for (int zero = 0; zero <= 3; ++zero) {
    const StageMemory m = test::memory_of(given, {.dp = 64, .zero = zero}).peak();
    EXPECT_EQ(m.parameters.value(), parameters[zero] * psi);
    EXPECT_EQ(m.gradients.value(), gradients[zero] * psi);
    EXPECT_EQ(m.optimizer.value(), states[zero] * psi);
  }
}

TEST(StateMemory, OfMegatronIs18BytesOr6And12Shared) {
  const Scenario given = test::scenario(test::m7(), "dgx-a100", 8, {.sequence = 4096, .global_batch = 64});
  for (const int zero : {0, 1}) {
    const StageMemory m = test::memory_of(given, {.dp = 8, .zero = zero}).peak();
    EXPECT_EQ((m.parameters + m.gradients + m.optimizer).value(), (zero == 0 ? 18 : 6 + 12.0 / 8) * psi);
  }
}

TEST(StateMemory, OfAnUpdateInBackwardHasTheGradientsOfOneBlock) {
  Scenario given = test::course_scenario(1, {.sequence = 4096, .global_batch = 1, .dtype = DType::fp16});
  given.stack.update_in_backward = given.stack.moments_paged = true;
  const StageMemory m = test::memory_of(given, {}).peak();
  EXPECT_EQ(m.gradients.value(), 2 * psi / 32);
  EXPECT_EQ(m.optimizer.value(), 0);
  given.job.global_batch = 2;  // accumulated over micro-batches they have to stay
  EXPECT_EQ(test::memory_of(given, {}).peak().gradients.value(), 2 * psi);
}

TEST(StateMemory, IsShardedOverContextParallelRanksToo) {
  const Scenario given = test::course_scenario(8, course_job);
  EXPECT_EQ(test::memory_of(given, {.cp = 4, .dp = 2, .zero = 1}).peak().optimizer.value(), 12 * psi / 8);
}

TEST(StateMemory, OfExpertsIsShardedOverTheirOwnReplicas) {
  Model model = test::m7(1);
  model.blocks[0].feed_forward = Moe{.experts = 8, .top_k = 1, .width = 4096, .gated = false};
  const Scenario given = test::course_scenario(8, course_job, model);
  // Two of eight experts a rank, two replicas of each; attention and router on all eight.
  const double experts = 2 * 2 * 4096.0 * 4096, rest = 4 * 4096.0 * 4096 + 8 * 4096;
  const StageMemory m = test::memory_of(given, {.ep = 4, .dp = 8, .zero = 1}).peak();
  EXPECT_EQ(m.parameters.value(), 2 * (experts + rest));
  EXPECT_EQ(m.optimizer.value(), 12 * (experts / 2 + rest / 8));
}

TEST(StateMemory, OfTheFirstAndTheLastStageHasTheEnds) {
  Model model = test::m7(4);
  model.vocab = 1000;
  const MemoryUse use = test::memory_of(test::course_scenario(4, course_job, model), {.pp = 4});
  const double block = 12.0 * 4096 * 4096, table = 1000.0 * 4096;
  EXPECT_EQ(use.stages[0].parameters.value(), 2 * (block + table));
  EXPECT_EQ(use.stages[1].parameters.value(), 2 * block);
  EXPECT_EQ(use.stages[3].parameters.value(), 2 * (block + table));
}

TEST(StateMemory, OfATiedTableIsHeldByBothEnds) {
  Model model = test::m7(4);
  model.vocab = 1000;
  model.tied_embeddings = true;
  const Scenario given = test::course_scenario(4, course_job, model);
  const double block = 12.0 * 4096 * 4096, table = 1000.0 * 4096;
  EXPECT_EQ(test::memory_of(given, {.pp = 4}).stages[3].parameters.value(), 2 * (block + table));
  EXPECT_EQ(test::memory_of(given, {.dp = 4}).stages[0].parameters.value(),
            2 * (4 * block + table));  // one device has it once
}

// A layer of Korthikanti et al. 2022 (E39), from the second of three equal stages, one micro-batch in flight.
Model korthikanti() {
  Model model = test::m7(3);
  model.norm = NormKind::layer;
  model.dropout = true;
  return model;
}

Bytes saved(const Scenario& given, const Plan& plan) {
  const ClosedFormContext context(test::priced(given));
  return price_split(context.scenario, context.kinds, split_of(plan)).blocks.front().saved;
}

double activations(const Plan& plan, int gpus) {
  const Scenario given =
      test::course_scenario(gpus, {.sequence = 4096, .global_batch = 1, .dtype = DType::fp16}, korthikanti());
  return saved(given, plan).value() / (4096.0 * 4096);  // in units of sbh
}

TEST(ActivationMemory, IsThatOfKorthikanti) {
  constexpr double scores = 5.0 * 32 * 4096 / 4096;
  EXPECT_EQ(activations({}, 1), 34 + scores);
  EXPECT_EQ(activations({.tp = 8}, 8), 10 + 24.0 / 8 + scores / 8);
  EXPECT_EQ(activations({.tp = 8, .sp = true}, 8), (34 + scores) / 8);
  EXPECT_EQ(activations({.tp = 8, .sp = true, .recompute = Recompute::selective}, 8), 34.0 / 8);
  EXPECT_EQ(activations({.recompute = Recompute::full}, 1), 2);
  EXPECT_EQ(activations({.tp = 8, .recompute = Recompute::full}, 8), 2);
  EXPECT_EQ(activations({.tp = 8, .sp = true, .recompute = Recompute::full}, 8), 2.0 / 8);
}

TEST(ActivationMemory, GrowsWithTheMicroBatch) {
  const Scenario given = test::course_scenario(1, course_job, korthikanti());
  EXPECT_EQ(saved(given, {.micro_batch = 4}), 4.0 * saved(given, {}));
  EXPECT_EQ(test::memory_of(given, {.micro_batch = 4}).peak().activations,
            4.0 * test::memory_of(given, {}).peak().activations);
}

TEST(ActivationMemory, OfAPipelineCountsWhatIsInFlight) {
  const Scenario given = test::course_scenario(4, course_job, test::m7(8));
  // M7 saves its input as the input of its first product. Two blocks a stage; the pass at the top adds what it needs
  // itself, which is the same everywhere.
  const Bytes block = saved(given, {});
  const auto stage = [&](const Plan& plan, std::size_t s) {
    return test::memory_of(given, plan).stages[s].activations;
  };
  const Plan gpipe{.pp = 4, .schedule = ScheduleKind::gpipe},
      interleaved{.pp = 4, .virtual_stages = 2, .schedule = ScheduleKind::interleaved};
  EXPECT_EQ(stage(gpipe, 2) - stage({.pp = 4}, 2), (64 - 2) * 2.0 * block);
  EXPECT_EQ(stage({.pp = 4}, 1) - stage({.pp = 4}, 2), 2.0 * block);
  EXPECT_EQ(stage({.pp = 4}, 0) - stage({.pp = 4}, 2), 2 * 2.0 * block);
  // Interleaved: (1 + 3/(4 x 2)) times as much as 1F1B's four on stage 0.
  EXPECT_EQ(stage(interleaved, 0) - stage({.pp = 4}, 0), (3.0 / 8) * 4 * 2.0 * block);
}

TEST(GatheredMemory, OfZeroThreeIsTheUnitAtWorkAndItsGradient) {
  Scenario given = test::course_scenario(8, course_job);
  EXPECT_EQ(test::memory_of(given, {.dp = 8, .zero = 3}).peak().gathered.value(), 2 * 2 * 12.0 * 4096 * 4096);
  // Beside computation: the next unit's parameters as well.
  given.stack.overlap.zero3 = 1;
  EXPECT_EQ(test::memory_of(given, {.dp = 8, .zero = 3}).peak().gathered.value(), 3 * 2 * 12.0 * 4096 * 4096);
  EXPECT_EQ(test::memory_of(given, {.dp = 8, .zero = 1}).peak().gathered.value(), 0);
}

TEST(GatheredMemory, HasGradientsInTheFormatInWhichProductsAddThem) {
  Scenario given = test::course_scenario(8, course_job);
  given.stack.precision.unit_gradients = DType::fp32;
  EXPECT_EQ(test::memory_of(given, {.dp = 8, .zero = 3}).peak().gathered.value(), (2 + 4) * 12.0 * 4096 * 4096);
}

TEST(GatheredMemory, OfATiedHeadIsTheTableAgain) {
  Model model = test::m7(1);
  model.vocab = 65536;
  model.tied_embeddings = true;
  const Scenario given = test::course_scenario(8, course_job, model);
  const StageMemory m = test::memory_of(given, {.dp = 8, .zero = 3}).peak();
  EXPECT_EQ(m.gathered.value(), 2 * 2 * 65536.0 * 4096);
  EXPECT_EQ(m.parameters.value(), 2 * (12.0 * 4096 * 4096 + 65536.0 * 4096) / 8);  // kept once
}

// Norms' gradients are made by B; with W apart they wait for it in memory of their own.
TEST(GatheredMemory, OfBAndWApartHasTheGradientsOfNormsApart) {
  Model model = test::m7(4);
  model.norm = NormKind::rms;
  const PricedScenario scenario = test::priced(test::course_scenario(4, course_job, model));
  for (int zero = 1; zero <= 3; ++zero) {
    const Program program = lower(scenario, {.pp = 2, .schedule = ScheduleKind::zb_h1, .dp = 2, .zero = zero});
    for (const Unit& unit : program.stages[1].units) {
      ASSERT_EQ(unit.early.has_value(), zero >= 2 && unit.kind == UnitKind::block);
      if (unit.early) {
        EXPECT_EQ(program.stages[1].tensors[*unit.early].bytes.value(), 2 * 2 * 4096);
      }
    }
  }
}

TEST(MemoryUse, AddsWhatTheSoftwareTakes) {
  Scenario given = test::course_scenario(8, course_job);
  const Bytes plain = test::memory_of(given, {.tp = 2, .dp = 4}).total();
  given.stack.workspace = 1.0_GiB;
  given.stack.context = 2.0_GiB;
  given.stack.communicator = Bytes{100};
  given.stack.allocator_reserve = 0.5;
  const MemoryUse use = test::memory_of(given, {.tp = 2, .dp = 4});
  EXPECT_EQ(use.context, 2.0_GiB + Bytes{200});  // two groups
  EXPECT_EQ(use.reserve, 0.5 * use.peak().allocated());
  EXPECT_EQ(use.total(), 1.5 * (plain + 1.0_GiB) + 2.0_GiB + Bytes{200});
}

TEST(MemoryUse, FitsUpToItsHeadroom) {
  MemoryUse use{.stages = {{.parameters = Bytes{97}}}, .capacity = Bytes{100}};
  EXPECT_TRUE(use.fits());
  EXPECT_TRUE(use.fits(0.02));
  EXPECT_FALSE(use.fits(0.04));
  EXPECT_EQ(use.headroom(), Bytes{3});
}

}  // namespace
}  // namespace forerun
