// Does a forward step hold weights and nothing for a backward, and do all readers say the same of it?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "costmodel/timing.hpp"
#include "strategies/closed_form/forward_estimate.hpp"
#include "strategies/plan/shard.hpp"
#include "strategies/plan_runs.hpp"
#include "strategies/programs/steps/inference/lower_forward.hpp"
#include "strategies/schedules/schedules.hpp"
#include "strategies/simulation/check_order.hpp"
#include "tests/support/linear_costs.hpp"

namespace forerun {
namespace {

using testing::Contains;
using testing::Field;
using testing::HasSubstr;

MicroBatch lengths(std::initializer_list<std::int64_t> list) { return micro_batch_of(std::vector<std::int64_t>(list)); }

TEST(MicroBatches, JoinEqualNeighbours) {
  const MicroBatch batch = lengths({64, 64, 32, 64});
  EXPECT_EQ(batch.sequences, (std::vector<SequenceLengths>{{2, 64}, {1, 32}, {1, 64}}));
  EXPECT_EQ(tokens_of(batch), 64 + 64 + 32 + 64);
  EXPECT_EQ(largest_share_of(lengths({5, 5, 3}), 2), 3 + 3 + 2);
}

TEST(ForwardSchedule, TakesTurnsAmongChunks) {
  // Two stages, two chunks, three micro-batches: 0 and 1 of chunk 0, then of chunk 1; then 2.
  const ScheduleTable table = forward_schedule(2, 2, 3);
  for (const int stage : {0, 1}) {
    std::vector<std::pair<int, int>> order;
    for (const Pass& pass : table.of(stage)) order.emplace_back(pass.micro_batch, pass.chunk);
    EXPECT_EQ(order, (std::vector<std::pair<int, int>>{{0, 0}, {1, 0}, {0, 1}, {1, 1}, {2, 0}, {2, 1}}));
  }
}

struct Example {
  std::string name;
  Model model;
  Plan plan;
};
std::vector<Example> examples() {
  return {{"dense", test::small_dense(4), {.dp = 2}},
          {"tp", test::small_dense(4), {.tp = 4, .sp = true}},
          {"cp", test::small_dense(4), {.cp = 2, .cp_kind = CpKind::ring}},
          {"ep", test::small_mixture(4), {.ep = 4, .dp = 4}},
          {"pp", test::small_dense(8), {.pp = 2, .virtual_stages = 2, .schedule = ScheduleKind::interleaved}}};
}

// Two sequences of unequal length in a micro-batch, and two micro-batches of unequal size.
const ForwardBatch batch{lengths({256, 64}), lengths({128}), lengths({256, 64})};

class ForwardStep : public testing::TestWithParam<Example> {
 protected:
  static PricedScenario scenario() {
    const Plan& plan = GetParam().plan;
    // A kernel takes as long as it takes: launches would be the slowest part of so small a model.
    Scenario given = test::scenario(GetParam().model, "dgx-h100", gpus(plan), {.sequence = 256, .global_batch = 8});
    given.stack.host_per_kernel = Seconds{0};
    return test::priced(given);
  }
};

TEST_P(ForwardStep, CanRun) {
  const PricedScenario given = scenario();
  EXPECT_TRUE(check_forward(given.given, GetParam().plan, batch).empty());
  EXPECT_TRUE(check_order(given, lower_forward(given, GetParam().plan, batch)).empty());
}

TEST_P(ForwardStep, HoldsWeightsAndNothingForABackward) {
  const PricedScenario given = scenario();
  const Program program = lower_forward(given, GetParam().plan, batch);
  EXPECT_EQ(program.step, StepKind::forward);
  EXPECT_EQ(program.batch, batch);
  for (const StageProgram& stage : program.stages) {
    std::int64_t parameters = 0;
    for (const Unit& unit : stage.units) parameters += unit.parameters + unit.expert_parameters;
    EXPECT_EQ(stage.held.parameters, static_cast<double>(parameters) * Bytes{2});  // bf16
    EXPECT_EQ(stage.held.gradients, Bytes{0});
    EXPECT_EQ(stage.held.optimizer, Bytes{0});
    EXPECT_EQ(most_in_flight(stage), 1);
    for (const Body& body : stage.bodies) EXPECT_EQ(body.kind, PassKind::forward);
    for (const Tensor& tensor : stage.tensors) EXPECT_EQ(tensor.kind, MemoryKind::transient) << tensor.name;
  }
}

// Nothing is alive between two passes, whatever is read is there, and no call allocates what it has.
TEST_P(ForwardStep, ReleasesEveryTensorInItsPass) {
  const Program program = lower_forward(scenario(), GetParam().plan, batch);
  for (const StageProgram& stage : program.stages) {
    for (const Body& body : stage.bodies) {
      std::set<TensorId> alive;
      for (const Instruction& in : body.instructions) {
        const TensorId* touch = body.touches.data() + in.first_touch;
        for (int i = 0; i < in.allocates; ++i) EXPECT_TRUE(alive.insert(touch[i]).second);
        for (std::uint32_t i = in.interleaved ? in.reads : 0U; i < std::uint32_t{in.reads} + in.writes; ++i)
          EXPECT_TRUE(alive.contains(body.operands[in.first_operand + i]));
        for (int i = in.allocates; i < in.allocates + in.releases; ++i) EXPECT_EQ(alive.erase(touch[i]), 1U);
      }
      EXPECT_TRUE(alive.empty());
    }
  }
}

TEST_P(ForwardStep, HasTheMemoryOfTheClosedForm) {
  const PricedScenario given = scenario();
  const MemoryUse expected = estimate_forward(given, GetParam().plan, batch).memory,
                  found = simulate_forward(given, GetParam().plan, batch).memory;
  ASSERT_EQ(found.stages.size(), expected.stages.size());
  for (std::size_t s = 0; s < found.stages.size(); ++s) {
    EXPECT_EQ(found.stages[s].allocated(), expected.stages[s].allocated());
    EXPECT_EQ(found.stages[s].transient, expected.stages[s].transient);
  }
  EXPECT_EQ(found.total(), expected.total());
}

TEST_P(ForwardStep, TakesTheTimeOfTheClosedForm) {
  const PricedScenario given = scenario();
  const Seconds expected = estimate_forward(given, GetParam().plan, batch).step.median,
                found = simulate_forward(given, GetParam().plan, batch).step;
  EXPECT_NEAR(found / expected, 1, 1e-9);
}

using Kernels = std::vector<std::pair<OperatorKind, std::vector<Kernel>>>;

// Of a stage's forward bodies, one after the other.
Kernels forward_kernels(const StageProgram& stage) {
  Kernels list;
  for (const Body& body : stage.bodies) {
    if (!body.chunk || body.kind != PassKind::forward) continue;
    for (const Instruction& in : body.instructions) {
      if (in.code != Code::run) continue;
      const Computation* c = std::get_if<Computation>(&stage.works[in.work]);
      if (c != nullptr && c->part == Part::forward) list.emplace_back(c->kind, c->kernels);
    }
  }
  return list;
}

TEST_P(ForwardStep, RunsTheKernelsOfATrainingStepsForwardButForTheLoss) {
  const PricedScenario given = scenario();
  const Plan& plan = GetParam().plan;
  const MicroBatch own = micro_batch_of(given.given.job, split_of(plan));
  const Program trained = lower(given, plan), forward = lower_forward(given, plan, {own, own});
  ASSERT_EQ(trained.stages.size(), forward.stages.size());
  for (std::size_t s = 0; s < trained.stages.size(); ++s) {
    Kernels expected = forward_kernels(trained.stages[s]);
    std::erase_if(expected, [](const auto& one) { return one.first == OperatorKind::loss; });
    EXPECT_EQ(forward_kernels(forward.stages[s]), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Plans, ForwardStep, testing::ValuesIn(examples()),
                         [](const auto& of) { return of.param.name; });

TEST(ForwardStepTime, OfAPipelineIsThatOfItsPasses) {
  // Two stages of four layers that take 10 ms for 512 tokens, so 40 ms a pass, and 20 ms for half as many. Passes are
  // 40, 40, 20 on both stages, messages cost nothing: the second stage starts at 40 and is never kept waiting.
  const PricedScenario given = test::layers_that_take(Seconds{0.010}, 8, 2, 1);
  const ForwardBatch three{lengths({512}), lengths({256, 256}), lengths({256})};
  const Plan plan{.pp = 2};
  EXPECT_NEAR(simulate_forward(given, plan, three).step.value(), 0.040 + 0.100, 1e-9);
  EXPECT_NEAR(estimate_forward(given, plan, three).step.median.value(), 0.040 + 0.100, 1e-9);
  EXPECT_NEAR(estimate_forward(given, plan, three).tokens_per_second, (512 + 512 + 256) / 0.140, 1e-3);
}

TEST(ForwardStepTime, OfMessagesThatStopTheirSenderIsAdded) {
  // A message of 512 x 4096 halves takes 4 ms; the course's software hides none of it. A short micro-batch behind a
  // long one: stage 0 is done with both after 44 + 22, stage 1 after 44 + 40 + 20.
  const Bytes row{512.0 * 4096 * 2};
  const PricedScenario given = test::layers_that_take(Seconds{0.010}, 8, 2, 1, row / Seconds{0.004});
  const ForwardBatch two{lengths({512}), lengths({256})};
  for (const Seconds found :
       {simulate_forward(given, {.pp = 2}, two).step, estimate_forward(given, {.pp = 2}, two).step.median})
    EXPECT_NEAR(found.value(), 0.044 + 0.060, 1e-9);
}

TEST(ForwardStepMessages, AreAsLongAsTheirMicroBatch) {
  const PricedScenario given = test::layers_that_take(Seconds{0.010}, 8, 2, 1);
  const Program program = lower_forward(given, {.pp = 2}, {lengths({256, 64}), lengths({64})});
  std::vector<std::int64_t> sent;
  for (const Work& work : program.stages[0].works) {
    if (const Communication* c = std::get_if<Communication>(&work)) sent.push_back(c->elements);
  }
  EXPECT_EQ(sent, (std::vector<std::int64_t>{(256 + 64) * 4096, 64 * 4096}));
  // The buffer of a send has room for the longer one.
  EXPECT_EQ(program.stages[0].held.communication, Bytes{(256.0 + 64) * 4096 * 2});
}

Problems refused(const Plan& plan, const ForwardBatch& list = {lengths({256})}, Model model = test::small_dense(8)) {
  const Scenario given = test::scenario(std::move(model), "dgx-h100", gpus(plan), {.sequence = 256, .global_batch = 8});
  return check_forward(given, plan, list);
}
auto says(const std::string& what) { return Contains(Field(&Problem::message, HasSubstr(what))); }

TEST(ForwardCheck, RefusesWhatOnlyTrainingHas) {
  EXPECT_TRUE(refused({.dp = 2}).empty());
  EXPECT_THAT(refused({.dp = 2, .zero = 3}), says("zero 3"));
  EXPECT_THAT(refused({.recompute = Recompute::full}), says("recompute full"));
  EXPECT_THAT(refused({.offload = {.optimizer = false, .activations = true}}), says("offload"));
  EXPECT_THAT(refused({.pp = 2, .virtual_stages = 2, .schedule = ScheduleKind::zb_v}), says("schedule zb-v"));
  EXPECT_THAT(refused({.pp = 2, .schedule = ScheduleKind::dualpipe}), says("schedule dualpipe"));
}

TEST(ForwardCheck, RefusesLengthsThatCannotBeCut) {
  EXPECT_THAT(refused({}, {}), says("without micro-batches"));
  EXPECT_THAT(refused({}, {lengths({})}), says("micro-batch 0 without sequences"));
  EXPECT_THAT(refused({}, {lengths({64}), lengths({64, 0})}), says("micro-batch 1: 1 sequences of 0 tokens"));
  EXPECT_THAT(refused({.cp = 2, .cp_kind = CpKind::ring}, {lengths({256, 62})}), says("62 tokens cannot be cut"));
  EXPECT_THAT(refused({.tp = 4, .sp = true}, {lengths({63, 64})}), says("127 tokens of a rank"));
  EXPECT_TRUE(refused({.tp = 4, .sp = true}, {lengths({63, 65})}).empty());  // 128 in all
  Model learned = test::small_dense(8);
  learned.positions = Positions::learned;
  learned.max_positions = 128;
  EXPECT_THAT(refused({}, {lengths({256})}, learned), says("256 tokens, but small-dense has 128 positions"));
}

TEST(ForwardCheck, RefusesAPlanThatTheModelCannotRun) {
  EXPECT_THAT(refused({.tp = 3}), says("tp 3 does not divide the 8 attention heads"));
}

}  // namespace
}  // namespace forerun
