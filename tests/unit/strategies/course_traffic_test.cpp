// Does a step hand to its collectives the bytes of the course's exercises, and put on the wire what its rings send?
#include <gtest/gtest.h>

#include "strategies/plan/plan_file.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

constexpr double D = 4096, layers = 32, gib = 1073741824.0, mib = 1048576.0;

Traffic of_file(const std::string& name) {
  const auto file = read_plan_file(std::string(FORERUN_ROOT) + "/examples/course/" + name);
  EXPECT_TRUE(file) << to_string(file.error());
  return estimate(test::priced(file->scenario), file->plan).traffic;
}

void expect(const Traffic& traffic, Flow flow, double api, double wire) {
  EXPECT_EQ(traffic[flow].api.value(), api) << name_of(flow);
  EXPECT_EQ(traffic[flow].wire.value(), wire) << name_of(flow);
}

Bytes all_wires(const Traffic& traffic) {
  Bytes sum{0};
  for (std::size_t flow = 0; flow < flow_count; ++flow) sum += traffic[static_cast<Flow>(flow)].wire;
  return sum;
}

TEST(CourseTraffic, OfDataParallelismIsOneAllReduceOfTheGradients) {
  const double bytes = 24 * layers * D * D;  // E22
  EXPECT_EQ(bytes, 12 * gib);
  const Traffic traffic = of_file("dp.yaml");
  expect(traffic, Flow::dp_all_reduce, bytes, bytes * 2 * 7 / 8);
  EXPECT_EQ(all_wires(traffic).value(), bytes * 2 * 7 / 8);  // and nothing else
}

TEST(CourseTraffic, OfAPipelineIsItsActivationsBothWays) {
  const double bytes = 2 * 128.0 * 4096 * D;  // E23
  EXPECT_EQ(bytes, 4 * gib);
  const Traffic traffic = of_file("pp.yaml");
  expect(traffic, Flow::pp_send_forward, bytes, bytes);
  expect(traffic, Flow::pp_send_backward, bytes, bytes);
  EXPECT_EQ(all_wires(traffic).value(), 2 * bytes);
}

TEST(CourseTraffic, OfTensorParallelismIsFourAllReducesALayer) {
  const double bytes = 8 * layers * 128 * 4096 * D;  // E24
  EXPECT_EQ(bytes, 512 * gib);
  const Traffic traffic = of_file("tp8.yaml");
  expect(traffic, Flow::tp_all_reduce, bytes, bytes * 2 * 7 / 8);
  EXPECT_EQ(all_wires(traffic).value(), bytes * 2 * 7 / 8);
}

TEST(CourseTraffic, OfFullyShardedIsTwoGathersAndAScatter) {
  const double gather = 48 * layers * D * D, scatter = 24 * layers * D * D;  // E25
  EXPECT_EQ(gather, 24 * gib);
  const Traffic traffic = of_file("fsdp.yaml");
  expect(traffic, Flow::dp_all_gather, gather, gather * 7 / 8);
  expect(traffic, Flow::dp_reduce_scatter, scatter, scatter * 7 / 8);
  EXPECT_EQ(all_wires(traffic).value(), (gather + scatter) * 7 / 8);
}

TEST(CourseTraffic, OfZeroOnOneThousandRanksIsTwoOrThreeCopies) {
  // E37: 2 psi (k-1)/k sent twice, three times with ZeRO-3; 28 and 42 GB for 7 B parameters.
  const Scenario given = test::course_scenario(1024, {.sequence = 512, .global_batch = 1024, .dtype = DType::fp16});
  const double psi = 12 * layers * D * D;
  for (int zero = 0; zero <= 3; ++zero) {
    const double wire = all_wires(estimate(test::priced(given), {.dp = 1024, .zero = zero}).traffic).value();
    EXPECT_EQ(wire, (zero == 3 ? 6 : 4) * psi * 1023 / 1024);
    EXPECT_NEAR(wire / psi * 7, zero == 3 ? 42 : 28, 0.1);
  }
}

TEST(CourseTraffic, OfOneLayerUnderTensorParallelism) {
  // E38: B = 1.
  const Scenario given =
      test::course_scenario(8, {.sequence = 4096, .global_batch = 1, .dtype = DType::fp16}, test::m7(1));
  const Estimate e = estimate(test::priced(given), {.tp = 8});
  EXPECT_EQ(e.memory.peak().parameters.value(), 48 * mib);
  expect(e.traffic, Flow::tp_all_reduce, 128 * mib, 224 * mib);
}

TEST(CourseTraffic, OfSequenceParallelismIsTheSameOnTheWire) {
  // P15: every all-reduce becomes a gather and a scatter; the gather before W is one more.
  const Scenario given =
      test::course_scenario(8, {.sequence = 4096, .global_batch = 1, .dtype = DType::fp16}, test::m7(1));
  const Traffic traffic = estimate(test::priced(given), {.tp = 8, .sp = true}).traffic;
  const double x = 2 * 4096 * D;
  expect(traffic, Flow::tp_all_gather, 6 * x, 6 * x * 7 / 8);
  expect(traffic, Flow::tp_reduce_scatter, 4 * x, 4 * x * 7 / 8);
}

TEST(CourseTraffic, OfFullRecomputeRepeatsTheForwardCollectives) {
  const Scenario given =
      test::course_scenario(8, {.sequence = 4096, .global_batch = 1, .dtype = DType::fp16}, test::m7(1));
  const Traffic traffic = estimate(test::priced(given), {.tp = 8, .recompute = Recompute::full}).traffic;
  EXPECT_EQ(traffic[Flow::tp_all_reduce].api.value(), (2 + 2 * 2) * 2 * 4096 * D);
}

TEST(CourseTraffic, OfExpertsIsFourAllToAllsALayer) {
  // E41: 4096 local tokens, 6 of 64 experts, ep 8: 192 MiB handed over, 168 sent, four times.
  Model model = test::m7(1);
  model.blocks[0].feed_forward = Moe{.experts = 64, .top_k = 6, .width = 1408, .gated = false};
  const Scenario given = test::course_scenario(8, {.sequence = 4096, .global_batch = 8, .dtype = DType::fp16}, model);
  const Traffic traffic = estimate(test::priced(given), {.ep = 8, .dp = 8}).traffic;
  expect(traffic, Flow::ep_all_to_all, 4 * 192 * mib, 4 * 168 * mib);
}

TEST(CourseTraffic, OfARingSendsKeysAndValuesSevenTimes) {
  // E45: 131072 tokens over 8: 7 x 2 x (2 L D / 8) = 1792 MiB forward; backward also returns the gradients of both.
  Model model = test::m7(1);
  const Scenario given = test::course_scenario(8, {.sequence = 131072, .global_batch = 1, .dtype = DType::fp16}, model);
  const Traffic traffic = estimate(test::priced(given), {.cp = 8, .cp_kind = CpKind::ring}).traffic;
  expect(traffic, Flow::cp_send, 3 * 1792 * mib, 3 * 1792 * mib);
}

TEST(CourseTraffic, OfGatheredKeysAndValuesIsTheSameOnTheWire) {
  const Scenario given =
      test::course_scenario(8, {.sequence = 131072, .global_batch = 1, .dtype = DType::fp16}, test::m7(1));
  const Traffic traffic = estimate(test::priced(given), {.cp = 8, .cp_kind = CpKind::all_gather}).traffic;
  expect(traffic, Flow::cp_all_gather, 2 * 2048 * mib, 2 * 1792 * mib);  // forward, and again backward
  expect(traffic, Flow::cp_reduce_scatter, 2048 * mib, 1792 * mib);
}

TEST(CourseTraffic, OfGroupedQueriesSendsFewerKeys) {
  Model model = test::m7(1);
  model.blocks[0].attention()->kv_heads = 8;
  const Scenario given = test::course_scenario(8, {.sequence = 131072, .global_batch = 1, .dtype = DType::fp16}, model);
  EXPECT_EQ(estimate(test::priced(given), {.cp = 8}).traffic[Flow::cp_send].api.value(), 3 * 1792 * mib / 4);
}

TEST(CourseTraffic, OfATiedTableIsReducedBetweenTheEnds) {
  Model model = test::m7(2);
  model.vocab = 1024;
  model.tied_embeddings = true;
  const Scenario given = test::course_scenario(2, {.sequence = 64, .global_batch = 4, .dtype = DType::fp16}, model);
  expect(estimate(test::priced(given), {.pp = 2}).traffic, Flow::pp_all_reduce, 2 * 1024 * D, 2 * 1024 * D);
}

// Each end first reduces its copy's gradients with its own replicas. Two micro-batches of each of two replicas; the
// stage with the head works longest.
TEST(CourseTraffic, OfATiedTableIsAlsoReducedBetweenReplicas) {
  Model model = test::m7(2);
  model.vocab = 1024;
  model.tied_embeddings = true;
  const Scenario given = test::course_scenario(4, {.sequence = 64, .global_batch = 4, .dtype = DType::fp16}, model);
  constexpr double stage = 2 * (12 * D * D + 1024 * D);
  for (int zero = 0; zero <= 3; ++zero) {
    const Traffic traffic = estimate(test::priced(given), {.pp = 2, .dp = 2, .zero = zero}).traffic;
    const double reduced = zero >= 2 ? 2 * stage : stage;
    if (zero == 0) expect(traffic, Flow::dp_all_reduce, reduced, reduced);
    if (zero > 0) expect(traffic, Flow::dp_reduce_scatter, reduced, reduced / 2);
    const double ends =
        2 * 1024 * D / (zero >= 2 ? 2 : 1);  // of gradients that stay where they were scattered to, a shard
    expect(traffic, Flow::pp_all_reduce, ends, ends);
  }
}

TEST(CourseTraffic, OfATiedTableIsGatheredForTheHeadToo) {
  Model model = test::m7(2);
  model.vocab = 1024;
  model.tied_embeddings = true;
  const Scenario given = test::course_scenario(2, {.sequence = 64, .global_batch = 2, .dtype = DType::fp16}, model);
  const Traffic traffic = estimate(test::priced(given), {.dp = 2, .zero = 3}).traffic;
  constexpr double units = 2 * (2 * 12 * D * D + 2 * 1024 * D);  // two blocks, the embedding, the head
  expect(traffic, Flow::dp_all_gather, 2 * units, units);         // forward and backward
  expect(traffic, Flow::dp_reduce_scatter, units, units / 2);
}

}  // namespace
}  // namespace forerun
