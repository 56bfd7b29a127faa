// Does every strategy train the model that one rank trains, with the bytes and the memory that its Program promises?
#include <gtest/gtest.h>

#include <cmath>

#include "executor/comparison.hpp"
#include "runtime/communication/nccl_calls.hpp"
#include "runtime/communication/staged_communicator.hpp"
#include "strategies/plan_runs.hpp"
#include "tests/support/executions.hpp"
#include "tests/support/far_memory.hpp"
#include "tests/support/host_nccl.hpp"

namespace forerun {
namespace {

using namespace test;

double worst_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double worst = a.size() == b.size() && !a.empty() ? 0 : 1e300;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}

void expect_as_promised(const Ran& ran, const std::string& name) {
  for (const RankReport& rank : ran.execution.ranks) {
    const Traffic promise = promised_traffic(ran.program, rank.rank);
    for (std::size_t f = 0; f < flow_count; ++f) {
      const auto flow = static_cast<Flow>(f);
      EXPECT_EQ(rank.traffic[flow].api, promise[flow].api) << name << ", rank " << rank.rank << ", " << name_of(flow);
    }
    EXPECT_EQ(memory_error(ran, rank), "") << name << ", rank " << rank.rank;
  }
}

void expect_equal_to_one_rank(const Scenario& given, const Plan& plan, RunOptions options = {.steps = 3}) {
  SCOPED_TRACE(summary(plan));
  const Ran one = run(given, one_rank(plan), options), many = run(given, plan, options);
  if (one.execution.losses.empty() || many.execution.losses.empty()) return;
  EXPECT_LT(worst_difference(one.execution.losses, many.execution.losses), 1e-9)
      << testing::PrintToString(one.execution.losses) << " against " << testing::PrintToString(many.execution.losses);
  EXPECT_LT(one.execution.losses.back(), 10);
  if (options.routing == Routing::balanced || !is_mixture(given.model)) expect_as_promised(many, summary(plan));
}

Scenario dense(int blocks = 2) { return on_this_machine(small_model(blocks), 1, small_job()); }
Scenario mixture(int blocks = 2) { return on_this_machine(small_mixture(blocks), 1, small_job()); }

TEST(OneRank, KeepsItsPromises) { expect_equal_to_one_rank(dense(), {}); }
TEST(Executed, DataParallel) { expect_equal_to_one_rank(dense(), {.dp = 2}); }
TEST(Executed, Zero) {
  for (int zero = 1; zero <= 3; ++zero) expect_equal_to_one_rank(dense(), {.dp = 4, .zero = zero});
}
TEST(Executed, ShardedInGroups) {
  for (int zero = 1; zero <= 3; ++zero) expect_equal_to_one_rank(dense(), {.dp = 4, .zero = zero, .sharding_group = 2});
}
TEST(Executed, TensorParallel) { expect_equal_to_one_rank(dense(), {.tp = 2}); }
TEST(Executed, SequenceParallel) {
  expect_equal_to_one_rank(dense(), {.tp = 2, .sp = true});
  for (int zero = 0; zero <= 3; ++zero) expect_equal_to_one_rank(dense(), {.tp = 2, .sp = true, .dp = 2, .zero = zero});
}
class Schedules : public testing::TestWithParam<ScheduleKind> {};

TEST_P(Schedules, OfPipelines) {
  const bool several = GetParam() == ScheduleKind::interleaved || GetParam() == ScheduleKind::zb_v;
  const Plan plan{.pp = 2, .virtual_stages = several ? 2 : 1, .schedule = GetParam()};
  expect_equal_to_one_rank(dense(4), plan);
  Scenario tied = dense(4);
  tied.model.tied_embeddings = true;
  expect_equal_to_one_rank(tied, plan);
  for (int zero = 1; zero <= 3; ++zero) {
    Plan sharded = plan;
    sharded.dp = 2, sharded.zero = zero;
    Scenario more = tied;
    more.job.global_batch = 16;
    expect_equal_to_one_rank(more, sharded);
    sharded.tp = 2, sharded.sp = true;
    expect_equal_to_one_rank(more, sharded);
  }
}

INSTANTIATE_TEST_SUITE_P(Executed, Schedules,
                         testing::Values(ScheduleKind::gpipe, ScheduleKind::one_f_one_b, ScheduleKind::interleaved,
                                         ScheduleKind::zb_h1, ScheduleKind::zb_h2, ScheduleKind::zb_v,
                                         ScheduleKind::dualpipe, ScheduleKind::zb_auto),
                         [](const testing::TestParamInfo<ScheduleKind>& one) {
                           std::string name(to_string(one.param));
                           std::erase(name, '-');
                           return name;
                         });

TEST(Executed, ContextParallel) {
  for (const CpKind kind : {CpKind::ring, CpKind::all_gather, CpKind::ulysses}) {
    expect_equal_to_one_rank(dense(), {.cp = 2, .cp_kind = kind});
    expect_equal_to_one_rank(dense(), {.cp = 4, .cp_kind = kind});
  }
}
TEST(Executed, Recompute) {
  for (const Recompute mode : {Recompute::selective, Recompute::full})
    expect_equal_to_one_rank(dense(), {.tp = 2, .sp = true, .recompute = mode});
}
TEST(Executed, Experts) {
  for (const Routing routing : {Routing::top_k, Routing::balanced}) {
    expect_equal_to_one_rank(mixture(), {}, {.steps = 3, .routing = routing});
    expect_equal_to_one_rank(mixture(), {.ep = 2, .dp = 2}, {.steps = 3, .routing = routing});
    expect_equal_to_one_rank(mixture(), {.tp = 2, .sp = true, .ep = 4, .dp = 2, .zero = 1},
                             {.steps = 3, .routing = routing});
  }
}
Scenario tied(int blocks = 2) {
  Scenario given = dense(blocks);
  given.model.tied_embeddings = true;
  return given;
}

// Tensors lie where the host may not touch them, as on a GPU, and ranks talk about them through the host.
TEST(Executed, NeverTouchesTheMemoryOfItsBackend) {
  RunOptions options{.steps = 2, .background = false, .machine = [](Communicator& world) {
                       RankMachine machine{std::make_unique<FarMemory>(), nullptr};
                       machine.tensors = make_staged_communicator(world, *machine.backend);
                       return machine;
                     }};
  for (const CpKind kind : {CpKind::ring, CpKind::all_gather, CpKind::ulysses})
    expect_equal_to_one_rank(dense(), {.cp = 2, .cp_kind = kind}, options);
  for (const ScheduleKind kind : {ScheduleKind::zb_v, ScheduleKind::interleaved})
    expect_equal_to_one_rank(dense(4), {.pp = 2, .virtual_stages = 2, .schedule = kind}, options);
  expect_equal_to_one_rank(dense(4), {.pp = 2, .schedule = ScheduleKind::dualpipe}, options);
  for (int zero = 0; zero <= 3; ++zero)
    expect_equal_to_one_rank(dense(), {.tp = 2, .sp = true, .dp = 2, .zero = zero}, options);
  Scenario tied = dense();
  tied.model.tied_embeddings = true;
  tied.model.norm = NormKind::layer;
  for (Block& block : tied.model.blocks) block.feed_forward = Mlp{.width = 48, .gated = false};
  expect_equal_to_one_rank(tied, {.tp = 2, .pp = 2}, options);
  for (const Routing routing : {Routing::top_k, Routing::balanced}) {
    options.routing = routing;
    expect_equal_to_one_rank(mixture(), {.tp = 2, .sp = true, .ep = 2, .dp = 2, .zero = 1}, options);
    expect_equal_to_one_rank(mixture(), {.tp = 2, .sp = true, .ep = 2, .etp = 2, .dp = 2}, options);
  }
}
// As over NCCL: calls are put in line, sums have another order than a ring's, and a shift of both ways is one call.
// Messages between stages need lanes that work at the same time, which the host has not.
TEST(Executed, OverACommunicatorThatQueues) {
  RunOptions options{.steps = 3, .machine = [](Communicator& world) {
                       RankMachine machine{std::make_unique<FarMemory>(), nullptr};
                       Backend& on = *machine.backend;
                       machine.tensors = make_communicator_of(
                           [&on](Communicator& host) { return std::make_unique<HostNccl>(host, on); }, world, on);
                       return machine;
                     }};
  expect_equal_to_one_rank(dense(), {.tp = 2}, options);
  for (const CpKind kind : {CpKind::ring, CpKind::all_gather, CpKind::ulysses})
    expect_equal_to_one_rank(dense(), {.cp = 4, .cp_kind = kind}, options);
  for (int zero = 0; zero <= 3; ++zero) {
    expect_equal_to_one_rank(dense(), {.dp = 4, .zero = zero}, options);
    expect_equal_to_one_rank(dense(), {.tp = 2, .sp = true, .dp = 2, .zero = zero}, options);
    if (zero > 0) expect_equal_to_one_rank(tied(), {.dp = 4, .zero = zero, .sharding_group = 2}, options);
  }
  for (const Routing routing : {Routing::top_k, Routing::balanced}) {
    options.routing = routing;
    expect_equal_to_one_rank(mixture(), {.tp = 2, .sp = true, .ep = 4, .dp = 2, .zero = 1}, options);
    expect_equal_to_one_rank(mixture(), {.ep = 2, .etp = 2, .dp = 4, .zero = 3}, options);
  }
}
double first_loss(const Scenario& given) { return run(given, {}, {.steps = 1}).execution.losses.at(0); }

TEST(Executed, WindowsAndPositions) {
  Scenario windowed = dense(), unplaced = dense();
  for (Block& block : windowed.model.blocks) block.attention()->window = 4;
  unplaced.model.positions = Positions::none;
  const double plain = first_loss(dense());
  EXPECT_GT(std::abs(first_loss(windowed) - plain), 1e-4);
  EXPECT_GT(std::abs(first_loss(unplaced) - plain), 1e-4);
  Scenario wide = dense();
  for (Block& block : wide.model.blocks) block.attention()->window = wide.job.sequence;
  EXPECT_EQ(first_loss(wide), plain);
  for (const Plan& plan :
       {Plan{.tp = 2}, Plan{.cp = 2, .cp_kind = CpKind::all_gather}, Plan{.cp = 2, .cp_kind = CpKind::ulysses}})
    expect_equal_to_one_rank(windowed, plan);
  for (const Plan& plan : {Plan{.tp = 2}, Plan{.cp = 2}, Plan{.pp = 2}}) expect_equal_to_one_rank(unplaced, plan);
}
TEST(Comparison, SaysHowUnequalExpertsDrew) {
  for (const Routing routing : {Routing::top_k, Routing::balanced}) {
    const Plan plan{.ep = 4, .dp = 4};
    const Ran ran = run(mixture(), plan, {.steps = 1, .routing = routing});
    std::int64_t rows = 0, promised = 0, most = 0;
    for (const RankReport& rank : ran.execution.ranks)
      rows += rank.expert_rows, promised += rank.expert_rows_promised, most = std::max(most, rank.expert_rows);
    EXPECT_EQ(rows, promised);  // none is dropped
    EXPECT_EQ(promised, 8 * 16 * 2 * 2);  // sequences, tokens, choices, blocks
    const Comparison c = compare(simulate(ran.scenario, plan), ran.execution, 4);
    EXPECT_DOUBLE_EQ(c.expert_skew, static_cast<double>(most) / (static_cast<double>(promised) / 4));
    EXPECT_EQ(c.expert_skew == 1, routing == Routing::balanced);
  }
}
TEST(Comparison, CountsTheRowsThatRanksShareOnEachOfThem) {
  const Plan plan{.ep = 2, .etp = 2, .dp = 4};
  const Ran ran = run(mixture(), plan, {.steps = 1});
  const auto& ranks = ran.execution.ranks;
  ASSERT_EQ(ranks.size(), 4U);
  constexpr std::int64_t all = 8 * 16 * 2 * 2;  // rows: sequences, tokens, choices, blocks
  for (const RankReport& rank : ranks)
    EXPECT_EQ(rank.expert_rows_promised, all / 2);  // half of the experts, with a half of their columns each
  EXPECT_EQ(ranks[0].expert_rows, ranks[1].expert_rows);
  EXPECT_EQ(ranks[2].expert_rows, ranks[3].expert_rows);
  EXPECT_EQ(ranks[0].expert_rows + ranks[2].expert_rows, all);
  EXPECT_NE(ranks[0].expert_rows, ranks[2].expert_rows);  // chosen freely
}
TEST(Executed, TiedHeads) {
  for (int zero = 0; zero <= 3; ++zero) {
    expect_equal_to_one_rank(tied(), {.tp = 2, .dp = 2, .zero = zero});
    if (zero > 0) expect_equal_to_one_rank(tied(), {.dp = 4, .zero = zero, .sharding_group = 2});
  }
}
TEST(Executed, TiedHeadsAcrossStages) {
  for (int zero = 0; zero <= 3; ++zero) {
    expect_equal_to_one_rank(tied(4), {.pp = 4, .dp = 2, .zero = zero});
    expect_equal_to_one_rank(
        tied(4), {.tp = 2, .pp = 2, .virtual_stages = 2, .schedule = ScheduleKind::interleaved, .dp = 2, .zero = zero});
    if (zero > 0) expect_equal_to_one_rank(tied(), {.pp = 2, .dp = 4, .zero = zero, .sharding_group = 2});
  }
}
TEST(Executed, TiedHeadsWhoseShardsAreUnequal) {  // three ranks share a table of 64 x 32
  Scenario given = tied();
  given.job.global_batch = 6;
  for (int zero = 1; zero <= 3; ++zero) expect_equal_to_one_rank(given, {.pp = 2, .dp = 3, .zero = zero});
}
TEST(Executed, ExpertsCutOverRanks) {
  for (const Routing routing : {Routing::top_k, Routing::balanced}) {
    const RunOptions options{.steps = 3, .routing = routing};
    expect_equal_to_one_rank(mixture(), {.tp = 2, .sp = true, .etp = 2}, options);
    expect_equal_to_one_rank(mixture(), {.ep = 2, .etp = 2, .dp = 4}, options);
    expect_equal_to_one_rank(mixture(), {.tp = 2, .sp = true, .ep = 2, .etp = 2, .dp = 4, .zero = 3}, options);
    expect_equal_to_one_rank(
        mixture(), {.tp = 2, .sp = true, .ep = 2, .etp = 2, .dp = 2, .zero = 1, .recompute = Recompute::full}, options);
  }
}
TEST(Executed, AloneInTheirShards) {  // what no other rank has a copy of, or a share in
  for (int zero = 1; zero <= 3; ++zero) {
    expect_equal_to_one_rank(mixture(), {.ep = 2, .dp = 2, .zero = zero}, {.steps = 3, .routing = Routing::balanced});
    expect_equal_to_one_rank(mixture(), {.ep = 2, .dp = 4, .zero = zero, .sharding_group = 2},
                             {.steps = 3, .routing = Routing::balanced});
    expect_equal_to_one_rank(dense(), {.dp = 2, .zero = zero, .sharding_group = 1});
  }
}
TEST(Executed, TiedHeadsAloneInTheirShards) {
  for (int zero = 1; zero <= 3; ++zero) {
    expect_equal_to_one_rank(tied(), {.dp = 2, .zero = zero, .sharding_group = 1});
    expect_equal_to_one_rank(tied(), {.pp = 2, .dp = 2, .zero = zero, .sharding_group = 1});
  }
}
TEST(Executed, StagesWithoutBlocks) {
  for (int zero = 0; zero <= 2; ++zero)
    expect_equal_to_one_rank(dense(), {.pp = 3,
                                       .cut = StageCut::list,
                                       .stages = {{.blocks = 1}, {.blocks = 0}, {.blocks = 1}},
                                       .dp = 2,
                                       .zero = zero});
}
TEST(Executed, WithoutThreadsOfTheirOwn) {
  expect_equal_to_one_rank(dense(), {.dp = 2, .zero = 3}, {.steps = 3, .background = false});
}
TEST(Executed, InBf16) {
  Scenario given = dense();
  given.job.dtype = DType::bf16;
  for (const Plan& plan : {Plan{.dp = 2, .zero = 1}, Plan{.dp = 2, .zero = 2}, Plan{.dp = 2, .zero = 3},
                           Plan{.tp = 2, .sp = true}, Plan{.cp = 2}, Plan{.pp = 2}}) {
    const Ran one = run(given, one_rank(plan)), many = run(given, plan);
    ASSERT_EQ(many.execution.losses.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_TRUE(agrees(given, static_cast<int>(i), many.execution.losses[i], one.execution.losses[i]))
          << summary(plan);
    expect_as_promised(many, summary(plan));
  }
}
TEST(Agreement, DependsOnTheFormat) {
  Scenario given = dense();
  EXPECT_TRUE(agrees(given, 5, 4, 4 + 5e-10));
  EXPECT_FALSE(agrees(given, 5, 4, 4 + 2e-9));
  EXPECT_FALSE(agrees(given, 0, std::nan(""), 4));
  given.job.dtype = DType::fp32;
  EXPECT_FALSE(agrees(given, 0, 4, 4.0001));
  EXPECT_TRUE(agrees(given, 1, 4, 4.0001));
}
TEST(Executed, TogetherOnEight) {
  expect_equal_to_one_rank(dense(4),
                           {.tp = 2, .sp = true, .pp = 2, .dp = 2, .zero = 1, .recompute = Recompute::selective});
  expect_equal_to_one_rank(dense(4), {.tp = 2, .cp = 2, .cp_kind = CpKind::ring, .pp = 2});
}

}  // namespace
}  // namespace forerun
