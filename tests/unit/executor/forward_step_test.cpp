// Does the executor perform forward steps: the logits of training, nothing held for a backward, sequences of unequal
// length apart from each other?
#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "executor/ranks/token_batch.hpp"
#include "strategies/programs/steps/inference/lower_forward.hpp"
#include "tests/support/executions.hpp"

namespace forerun {
namespace {

using namespace test;

using Place = std::pair<int, int>;  // rank, micro-batch

// Of one step.
struct Heard {
  std::map<Place, Logits> logits;
  Execution execution;
};

Heard listen(const PricedScenario& scenario, const Program& program) {
  Heard heard;
  std::mutex one_at_a_time;
  const auto hear = [&](const Logits& logits) {
    const std::scoped_lock lock(one_at_a_time);
    heard.logits[{logits.rank, logits.micro_batch}] = logits;
  };
  Result<Execution> execution = execute(scenario, program, {.routing = Routing::balanced, .logits = hear});
  EXPECT_TRUE(execution) << (execution ? "" : text_of(execution.error()));
  if (execution) heard.execution = std::move(*execution);
  return heard;
}

PricedScenario scenario_of(Model model, const Plan& plan) {
  return *price(on_this_machine(std::move(model), gpus(plan), small_job()));
}

MicroBatch lengths(std::initializer_list<std::int64_t> list) { return micro_batch_of(std::vector<std::int64_t>(list)); }

Program forward_program(const PricedScenario& scenario, const Plan& plan, const ForwardBatch& batch) {
  EXPECT_EQ(text_of(check_forward(scenario.given, plan, batch)), "") << summary(plan);
  return lower_forward(scenario, plan, batch);
}

class ForwardStep : public testing::TestWithParam<Plan> {};

// 8 sequences of 16 tokens, each a micro-batch, as the training step has them.
TEST_P(ForwardStep, HasTheLogitsOfTrainingAndTheMemoryOfItsProgram) {
  const Plan& plan = GetParam();
  Model model = plan.ep > 1 ? small_mixture() : small_model();
  model.blocks.resize(std::max<std::size_t>(model.blocks.size(), 2U * static_cast<unsigned>(plan.virtual_stages)),
                      model.blocks.back());
  const PricedScenario scenario = scenario_of(model, plan);
  const Program program =
      forward_program(scenario, plan, ForwardBatch(static_cast<std::size_t>(8 / plan.dp), lengths({16})));
  const Heard training = listen(scenario, lower(scenario, plan)), forward = listen(scenario, program);
  ASSERT_EQ(forward.logits.size(), static_cast<std::size_t>(gpus(plan) / plan.pp) * program.batch.size());
  for (const auto& [place, logits] : forward.logits) {
    EXPECT_EQ(logits.rows, 16 / plan.cp);
    EXPECT_EQ(logits.first_entry, place.first % plan.tp * (64 / plan.tp));
    EXPECT_EQ(logits.values, training.logits.at(place).values) << "rank " << place.first;  // to the bit
  }
  for (const RankReport& rank : forward.execution.ranks) {
    EXPECT_EQ(rank.peak[tag_of(&StageMemory::gradients)], 0);
    EXPECT_EQ(rank.peak[tag_of(&StageMemory::optimizer)], 0);
    EXPECT_EQ(rank.peak[tag_of(&StageMemory::activations)], 0);  // what a backward would read
    EXPECT_EQ(memory_error({.execution = {}, .program = program, .scenario = scenario}, rank), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Executed, ForwardStep,
                         testing::Values(Plan{.dp = 2}, Plan{.tp = 2, .sp = true}, Plan{.cp = 2}, Plan{.pp = 2},
                                         Plan{.pp = 2, .virtual_stages = 2, .schedule = ScheduleKind::interleaved},
                                         Plan{.ep = 2, .dp = 2}));

using Rows = std::vector<std::vector<double>>;  // of each position

// Logits of a sequence of `length` that begins at row `first` of all positions, from all ranks of a context-parallel
// group.
Rows rows_of(const Heard& heard, const Plan& plan, int micro_batch, int first, int length) {
  Rows rows(static_cast<std::size_t>(length));
  for (int rank = 0; rank < plan.cp; ++rank) {
    const std::vector<double>& values = heard.logits.at({rank, micro_batch}).values;
    auto at = values.begin() + first / plan.cp * 64;
    for (const std::int32_t position : positions_of(plan, length, rank)) {
      rows[static_cast<std::size_t>(position)].assign(at, at + 64);
      at += 64;
    }
  }
  return rows;
}

void expect_close(const Rows& a, const Rows& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t row = 0; row < a.size(); ++row) {
    ASSERT_EQ(a[row].size(), 64U);
    for (std::size_t i = 0; i < 64; ++i) EXPECT_NEAR(a[row][i], b[row][i], 1e-12) << "position " << row;
  }
}

class UnequalSequences : public testing::TestWithParam<Plan> {};

// The text of a sequence depends on its number in the step and on nothing else: number 1 has 24 tokens and number 2
// has 8, together in a micro-batch or alone.
TEST_P(UnequalSequences, AttendToThemselvesAlone) {
  const Plan& plan = GetParam();
  const PricedScenario together = scenario_of(small_model(), plan), alone = scenario_of(small_model(), {});
  const Heard packed = listen(together, forward_program(together, plan, {lengths({16}), lengths({24, 8})})),
              apart = listen(alone, forward_program(alone, {}, {lengths({16}), lengths({24}), lengths({8})}));
  expect_close(rows_of(packed, plan, 0, 0, 16), rows_of(apart, {}, 0, 0, 16));
  expect_close(rows_of(packed, plan, 1, 0, 24), rows_of(apart, {}, 1, 0, 24));
  expect_close(rows_of(packed, plan, 1, 24, 8), rows_of(apart, {}, 2, 0, 8));
}

INSTANTIATE_TEST_SUITE_P(Executed, UnequalSequences,
                         testing::Values(Plan{}, Plan{.cp = 2, .cp_kind = CpKind::ring},
                                         Plan{.cp = 2, .cp_kind = CpKind::all_gather},
                                         Plan{.cp = 2, .cp_kind = CpKind::ulysses}));

}  // namespace
}  // namespace forerun
