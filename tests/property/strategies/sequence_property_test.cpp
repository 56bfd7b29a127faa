// Do the ways to cut sequences send the bytes that their papers say: Ulysses : ring : Megatron-SP = 1 : p/2 : p?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "strategies/plan_runs.hpp"
#include "strategies/programs/steps/training/lower.hpp"
#include "tests/support/cases.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun {
namespace {

using test::any;

// Multi-head attention over p ranks, which all cuts divide.
struct Case {
  PricedScenario scenario;
  int p = 1, micro_batch = 1;
  double activation = 0;  // 2 B L D bytes, of all layers and the whole batch

  [[nodiscard]] Plan ulysses() const { return {.cp = p, .cp_kind = CpKind::ulysses, .micro_batch = micro_batch}; }
  [[nodiscard]] Plan ring() const { return {.cp = p, .cp_kind = CpKind::ring, .micro_batch = micro_batch}; }
  [[nodiscard]] Plan megatron() const { return {.tp = p, .sp = true, .micro_batch = micro_batch}; }
};

Case some_case() {
  static const Scenario course = test::course_scenario(1);
  Case c{.scenario = {}, .p = *rc::gen::element(2, 3, 4, 5, 6, 7, 8, 16, 24, 32), .micro_batch = any(1, 4)};
  const int heads = c.p * any(1, 5), head_dim = any(1, 129), layers = any(1, 9);
  Scenario given = course;
  given.gpus = c.p;
  given.job = {.sequence = 2 * c.p * any(1, 65), .global_batch = c.micro_batch * any(1, 5), .dtype = DType::fp16};
  given.model.hidden = heads * head_dim;
  given.model.max_positions = given.job.sequence;
  const Block block{.hidden = given.model.hidden,
                    .mixer = Attention{.heads = heads, .kv_heads = heads, .head_dim = head_dim},
                    .feed_forward = Mlp{.width = c.p * any(1, 65)}};
  given.model.blocks.assign(static_cast<std::size_t>(layers), block);
  c.activation = 2.0 * static_cast<double>(tokens_per_step(given.job)) * given.model.hidden * layers;
  c.scenario = test::priced(given);
  return c;
}

Bytes sent_of(const Traffic& traffic) {
  Bytes sum{0};
  for (std::size_t i = 0; i < flow_count; ++i) {
    const auto flow = static_cast<Flow>(i);
    if (dimension_of(flow) == Dimension::tp || dimension_of(flow) == Dimension::cp) sum += traffic[flow].wire;
  }
  return sum;
}

// By each rank in all its forward passes, as the program says.
Bytes sent_forward(const Case& c, const Plan& plan) {
  const Program program = lower(c.scenario, plan);
  const StageProgram& stage = program.stages.front();
  Traffic traffic;
  for (const Call& call : stage.calls) {
    const Body& body = stage.bodies[call.body];
    if (!body.chunk || body.kind != PassKind::forward) continue;
    for (const Instruction& in : body.instructions) {
      const Communication* sent = in.code == Code::run ? std::get_if<Communication>(&stage.works[in.work]) : nullptr;
      if (sent != nullptr) traffic.add(sent->flow, sent->elements, sent->element, c.p);
    }
  }
  return sent_of(traffic);
}

// I-21, per layer: Ulysses passes queries, keys, values and the output, a p-th of an activation each, of which (p-1)/p
// leave the rank. A ring passes on keys and values, a p-th each, p - 1 times. Megatron gathers two whole activations
// and scatters two, of which (p-1)/p leave the rank.
RC_GTEST_PROP(SequenceTraffic, ForwardIsOneToHalfOfTheRanksToAllOfThem, ()) {
  for (int i = 0; i < test::per_case; ++i) {
    const Case c = some_case();
    const double p = c.p;
    const Bytes ulysses = sent_forward(c, c.ulysses()), ring = sent_forward(c, c.ring()),
                megatron = sent_forward(c, c.megatron());
    RC_ASSERT(ulysses.value() * p * p == 4 * (p - 1) * c.activation);
    RC_ASSERT(2.0 * ring == p * ulysses);
    RC_ASSERT(megatron == p * ulysses);
  }
}

// The whole step: backward sends as much again with Ulysses; twice as much in a ring, where gradients go with keys and
// values; and Megatron gathers the inputs of the two column-cut products once more for W. 8 : 3 x 4 (p/2) : 10 p.
RC_GTEST_PROP(SequenceTraffic, OfAStepIsFourToThreeTimesToFiveTimesTheRanks, ()) {
  for (int i = 0; i < test::per_case; ++i) {
    const Case c = some_case();
    const double p = c.p;
    const auto sent = [&](const Plan& plan) { return sent_of(estimate(c.scenario, plan).traffic); };
    const Bytes ulysses = sent(c.ulysses());
    RC_ASSERT(ulysses == 2.0 * sent_forward(c, c.ulysses()));
    RC_ASSERT(4.0 * sent(c.ring()) == 3 * p * ulysses);
    RC_ASSERT(4.0 * sent(c.megatron()) == 5 * p * ulysses);
  }
}

}  // namespace
}  // namespace forerun
