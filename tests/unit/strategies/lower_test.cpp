// Which ranks share a role, and what happens between the blocks of a step?
#include <gtest/gtest.h>

#include "strategies/closed_form/block_price.hpp"
#include "strategies/plan/check_plan.hpp"
#include "strategies/plan_runs.hpp"
#include "strategies/simulation/simulation.hpp"
#include "tests/support/linear_costs.hpp"

namespace forerun {
namespace {

const Job short_job{.sequence = 512, .global_batch = 16, .dtype = DType::fp16};

std::vector<Role> roles(const Scenario& given, const Plan& plan, const LowerOptions& options = {}) {
  return lower(test::priced(given), plan, options).roles;
}

TEST(Roles, OfIdenticalRanksAreOnePerStage) {
  const Scenario given = test::scenario(test::m7(16), "dgx-h100", 16384, {.sequence = 512, .global_batch = 2048});
  const auto list = roles(given, {.tp = 8, .sp = true, .pp = 16, .dp = 128, .zero = 1});
  ASSERT_EQ(list.size(), 16U);
  for (const Role& role : list) EXPECT_EQ(role.ranks.size(), 1024U);
}

TEST(Roles, DifferWhereGroupsStraddleNodes) {
  // Nodes of eight, tp 6 x cp 2 twice. Tensor-parallel groups 0-5 and 18-23 sit in one node, 6-11 and 12-17 in two. Of
  // the pairs that share a sequence, 0-6, 1-7, 16-22 and 17-23 sit in one node. Replicas r, r + 6, r + 12, r + 18 are
  // of four such kinds where r is 0, 1, 4 or 5, of two where r is 2 or 3.
  Model model = test::small_dense(2);
  for (Block& block : model.blocks) block.attention()->heads = block.attention()->kv_heads = 12;
  const auto list = roles(test::course_scenario(24, short_job, model), {.tp = 6, .cp = 2, .dp = 2});
  std::vector<std::vector<int>> ranks;
  for (const Role& role : list) ranks.push_back(role.ranks);
  EXPECT_EQ(ranks,
            (std::vector<std::vector<int>>{
                {0, 1, 22, 23}, {2, 3, 20, 21}, {4, 5, 18, 19}, {6, 7, 16, 17}, {8, 9, 14, 15}, {10, 11, 12, 13}}));
}

TEST(Roles, OfAStragglerIsItsOwn) {
  const auto list = roles(test::course_scenario(8, short_job, test::small_dense(2)), {.dp = 8},
                          {.every_rank = false, .different = {5}});
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].ranks, (std::vector<int>{0, 1, 2, 3, 4, 6, 7}));
  EXPECT_EQ(list[1].ranks, (std::vector<int>{5}));
}

TEST(Roles, OfAStragglerInAPipelineReachItsNeighbours) {
  // Rank 1 of stage 0 is slow: rank 3 receives from it, so it is not like rank 2.
  const auto list = roles(test::course_scenario(4, short_job, test::small_dense(2)), {.pp = 2, .dp = 2},
                          {.every_rank = false, .different = {1}});
  EXPECT_EQ(list.size(), 4U);
}

TEST(Roles, OfSkewedExpertsAreTwoAStage) {
  Scenario given = test::course_scenario(8, short_job, test::small_mixture(4));
  const Plan plan{.pp = 2, .ep = 4, .dp = 4};
  EXPECT_EQ(roles(given, plan).size(), 2U);
  given.job.expert_skew = 2;
  const auto list = roles(given, plan);
  ASSERT_EQ(list.size(), 4U);
  EXPECT_EQ(list[0].ranks, std::vector<int>{0});  // the busiest of its group of four
  EXPECT_EQ(list[1].ranks, (std::vector<int>{1, 2, 3}));
  const Simulation s = simulate(test::priced(given), plan);
  EXPECT_GT(s.roles[0].breakdown.compute, s.roles[1].breakdown.compute);
  EXPECT_GT(s.roles[0].memory.peak.activations, s.roles[1].memory.peak.activations);
}

TEST(Step, OfHybridShardingGathersInGroupsAndReducesBetweenThem) {
  // One layer of psi = 12 D^2 parameters in 2 bytes; two groups of four. Parameters are gathered twice among four,
  // gradients scattered among four, then each quarter is all-reduced between two.
  const double bytes = 24.0 * 4096 * 4096;
  const Scenario given =
      test::course_scenario(8, {.sequence = 512, .global_batch = 8, .dtype = DType::fp16}, test::m7(1));
  const Traffic t = simulate(test::priced(given), {.dp = 8, .zero = 3, .sharding_group = 4}).roles[0].traffic;
  EXPECT_EQ(t[Flow::dp_all_gather].api.value(), 2 * bytes);
  EXPECT_EQ(t[Flow::dp_all_gather].wire.value(), 2 * bytes * 3 / 4);
  EXPECT_EQ(t[Flow::dp_reduce_scatter].wire.value(), bytes * 3 / 4);
  EXPECT_EQ(t[Flow::dp_all_reduce].api.value(), bytes / 4);
  EXPECT_EQ(t[Flow::dp_all_reduce].wire.value(), bytes / 4);  // 2 (k - 1) / k of it, k = 2
}

TEST(Step, OfAPipelineHoldsBuffersOfItsSends) {
  const Scenario given = test::course_scenario(2, short_job, test::m7(2));
  const double activation = 2 * 512.0 * 4096;  // one forward, one backward
  for (const StageMemory& stage : simulate(test::priced(given), {.pp = 2}).memory.stages)
    EXPECT_EQ(stage.communication.value(), 2 * activation);
  EXPECT_EQ(simulate(test::priced(given), {.dp = 2}).memory.peak().communication, Bytes{0});
}

TEST(Step, OfAnOffloadedOptimizerCopiesGradientsThereAndParametersBack) {
  // E80: 7 B parameters in 2 bytes over 32 GB/s take 0.4375 s each way; here M7's 6.44 B, and a host of 4 G updates a
  // second that serves one device alone.
  Scenario given = test::course_scenario(1, {.sequence = 512, .global_batch = 1, .dtype = DType::fp16});
  given.cluster.nodes[0].node.host = {.bandwidth = BytesPerSecond{32e9}, .latency = Seconds{0}};
  given.stack.host_update_rate = 4e9;
  EXPECT_NEAR(
      price_works(test::priced(given), {HostCopy{.bytes = Bytes{14e9}, .to_host = true}}, {}).front().time.value(),
      0.4375, 1e-12);
  const double psi = 12.0 * 32 * 4096 * 4096, copy = 2 * psi / 32e9, update = psi / 4e9;
  const Simulation s = simulate(test::with_costs(given, {}), {.offload = {.optimizer = true, .activations = false}});
  EXPECT_NEAR(copy, 0.4027, 1e-4);  // E81
  EXPECT_NEAR(s.step.value(), copy + update + copy, 1e-9);
  EXPECT_NEAR(s.roles[0].breakdown.optimizer.value(), update, 1e-9);
  EXPECT_NEAR(s.roles[0].breakdown.offload.value(), copy + copy, 1e-9);
  EXPECT_EQ(s.memory.peak().optimizer, Bytes{0});
}

// Llama-3-8B's 8,030,261,248 parameters on H100s, whose own links to the host carry 64 GB/s: bf16 gradients there and
// parameters back are 16.06 GB each way, 0.251 s. The host updates 4 G parameters a second: for one device in 2.008 s,
// for eight that each update all of them in 16.06 s. With ZeRO-1 each of the eight has an eighth of both.
TEST(Step, OfAnOffloadedOptimizerSharesTheHostWithTheDevicesOfItsNodeThatRun) {
  const double psi = 8'030'261'248, copies = 2 * 2 * psi / 64e9, update = psi / 4e9;
  EXPECT_NEAR(copies + update, 2.5, 0.02);
  const struct {
    int gpus, zero;
    double copies, update;
  } cases[] = {{1, 0, copies, update}, {8, 0, copies, 8 * update}, {8, 1, copies / 8, update}};
  for (const auto& c : cases) {
    const Job job{.sequence = 2048, .global_batch = c.gpus};
    const Scenario given = test::scenario(*find_model("llama3-8b"), "dgx-h100", c.gpus, job, "deepspeed");
    const Plan plan{.dp = c.gpus, .zero = c.zero, .recompute = Recompute::full, .offload = {.optimizer = true}};
    ASSERT_TRUE(is_valid(given, plan));
    const PricedScenario priced = test::priced(given);
    for (const Breakdown& b : {estimate(priced, plan).breakdown, simulate(priced, plan).roles[0].breakdown}) {
      EXPECT_NEAR(b.offload.value(), c.copies, 1e-3 * c.copies);  // and twice a link's latency
      EXPECT_NEAR(b.optimizer.value(), c.update, 1e-6 * c.update);
    }
  }
}

TEST(Step, OfOffloadedActivationsHoldsTwoLayersAndWaitsForTheHost) {
  // Copies of a layer's activations of `away` seconds, layers of 10 ms forward: where copies are longer, they set the
  // pace; the last one has nothing to hide behind.
  Scenario given = test::course_scenario(1, {.sequence = 512, .global_batch = 1, .dtype = DType::fp16}, test::m7(8));
  const Bytes layer = price_split(test::priced(given), block_kinds(given.model), {}).blocks.front().saved;
  const auto step = [&](Seconds away) {
    given.cluster.nodes[0].node.host = {.bandwidth = layer / away, .latency = Seconds{0}};
    const Flops products{24.0 * 512 * 4096 * 4096};
    return simulate(test::with_costs(given, {.products = products / Seconds{0.010}}),
                    {.offload = {.optimizer = false, .activations = true}});
  };
  const Simulation hidden = step(Seconds{0.008}), bound = step(Seconds{0.015});
  // 8 x 10 ms forward, a copy of 8 that nothing hides, one back before the first backward, 8 x 20 ms.
  EXPECT_NEAR(hidden.step.value(), 0.080 + 0.008 + 0.008 + 0.160, 1e-9);
  EXPECT_NEAR(hidden.roles[0].breakdown.offload.value(), 0.016, 1e-9);
  EXPECT_NEAR(bound.step.value(), 0.010 + 8 * 0.015 + 0.015 + 8 * 0.020, 1e-9);
  // Backward holds the layer at work and the one that arrives; forward the layer at work and the one that leaves.
  EXPECT_EQ(bound.memory.peak().activations, 2 * layer);
  EXPECT_EQ(simulate(test::priced(given), {}).memory.peak().activations, 8 * layer);
}

}  // namespace
}  // namespace forerun
