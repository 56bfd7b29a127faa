// Does hiding the exchanges of replicas behind computation gain what it can, and nothing more?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "strategies/plan_runs.hpp"
#include "strategies/simulation/simulation.hpp"
#include "tests/support/cases.hpp"
#include "tests/support/linear_costs.hpp"

namespace forerun {
namespace {

using test::any;

constexpr double layer_parameters = 12.0 * 4096 * 4096;  // of M7

// M7 with its layers' times and its links drawn; messages take latency + bytes / bandwidth.
struct Case {
  PricedScenario scenario;
  Plan plan;
  Seconds forward;  // of a layer; B and W each take as long
  BytesPerSecond bandwidth;
  Seconds latency;

  [[nodiscard]] double layers() const { return static_cast<double>(scenario.given.model.blocks.size()); }
  [[nodiscard]] double micro_batches() const { return static_cast<double>(scenario.given.job.global_batch) / plan.dp; }
  [[nodiscard]] Seconds compute() const { return 3 * layers() * micro_batches() * forward; }
  [[nodiscard]] Bytes parameters() const {
    return Bytes{2 * layer_parameters * layers()};
  }  // in fp16, as are gradients
  void set_links(Seconds of_a_message) {
    latency = of_a_message;
    scenario.collectives = std::make_shared<test::LinearLinks>(bandwidth, latency);
  }
};

Case some_case(int most_zero) {
  static const PricedScenario course = test::layers_that_take(Seconds{1}, 1, 8, 8);
  const int dp = any(2, 9), layers = any(1, 9);
  Case c{.scenario = course,
         .plan = {.dp = dp, .zero = any(0, most_zero + 1)},
         .forward = Seconds{1e-3 * any(1, 20)},
         .bandwidth = {},
         .latency = {}};
  Scenario& given = c.scenario.given;
  given.gpus = dp;
  given.job.global_batch = dp * any(1, 4);
  given.model.blocks.resize(static_cast<std::size_t>(layers), given.model.blocks.front());
  given.stack.bucket = any(0, 5) * layer_parameters;
  given.stack.overlap.dp = given.stack.overlap.zero3 = *rc::gen::element(0.0, 0.5, 1.0, 1.0);
  given.stack.contention = *rc::gen::element(0.0, 0.0, 0.2, 0.5);
  const Flops layer{24.0 * test::course_tokens * 4096 * 4096};
  c.scenario.kernels = std::make_shared<test::LinearKernels>(test::LinearCosts{.products = layer / c.forward});
  c.bandwidth =
      2 * layer_parameters * Bytes{1} / Seconds{1e-3 * any(1, 40)};  // a layer's gradients in so many milliseconds
  c.set_links(Seconds{1e-4 * any(0, 50)});
  return c;
}

Seconds step(const Case& c) { return simulate(c.scenario, c.plan).step; }

// Of the exchanges that the program has, one after the other.
struct Exchanges {
  double messages = 0;
  Bytes bytes;
  [[nodiscard]] Seconds time(const Case& c) const { return messages * c.latency + bytes / c.bandwidth; }
};

Exchanges exchanges(const Case& c) {
  const Program program = lower(c.scenario, c.plan);
  const StageProgram& stage = program.stages.front();
  Exchanges all;
  for (const Call& call : stage.calls) {
    for (const Instruction& in : stage.bodies[call.body].instructions) {
      const Communication* sent = in.code == Code::run ? std::get_if<Communication>(&stage.works[in.work]) : nullptr;
      if (sent == nullptr) continue;
      ++all.messages;
      all.bytes += static_cast<double>(sent->elements) * sent->element;
    }
  }
  return all;
}

// Each task rounds to a picosecond, and again whenever a rate changes.
constexpr double rounding = 1e-6;

// I-30: where all may hide the bound is the longer of the two. What may not hide stops computation, and may run beside
// messages that hide. Bytes: gradients once (ZeRO-1: and parameters once; ZeRO-2: gradients of every micro-batch;
// ZeRO-3: and parameters in both of its passes).
RC_GTEST_PROP(Overlap, LiesBetweenTheLongerAndTheSum, ()) {
  for (int i = 0; i < test::per_case; ++i) {
    const Case c = some_case(3);
    const double m = c.micro_batches(), copies[] = {1, 2, 1 + m, 3 * m};
    const Exchanges sent = exchanges(c);
    RC_ASSERT(sent.bytes == copies[c.plan.zero] * c.parameters());
    const Seconds found = step(c), compute = c.compute(), communication = sent.time(c);
    const double hides = c.scenario.given.stack.overlap.dp;
    RC_LOG() << summary(c.plan) << ": " << compute.value() << " and " << communication.value() << ", of which " << hides
             << " hides, take " << found.value() << '\n';
    RC_ASSERT(found >= (1 - rounding) * max(compute + (1 - hides) * communication, hides * communication));
    RC_ASSERT(found <= (1 + rounding) * (compute + communication));
  }
}

// I-30. Gradients in one piece are ready when the last backward ends; parameters in one piece are there when the first
// forward may begin.
RC_GTEST_PROP(Overlap, InOneBucketIsNone, ()) {
  for (int i = 0; i < test::per_case; ++i) {
    Case c = some_case(1);
    c.scenario.given.stack.bucket = 2 * layer_parameters * c.layers();
    const double messages = c.plan.zero + 1;
    RC_ASSERT(exchanges(c).messages == messages);
    const Seconds serial = c.compute() + messages * (c.latency + c.parameters() / c.bandwidth);
    RC_ASSERT(std::abs(step(c) / serial - 1) < rounding);
  }
}

// I-30, and without latency no slower than any.
RC_GTEST_PROP(Overlap, IsNotSlowerWithLessLatency, ()) {
  for (int i = 0; i < test::per_case; ++i) {
    Case c = some_case(3);
    const Seconds before = step(c);
    c.set_links(any(0, 11) / 10.0 * c.latency);
    RC_ASSERT(step(c) <= (1 + rounding) * before);
  }
}

}  // namespace
}  // namespace forerun
