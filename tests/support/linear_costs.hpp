// Costs that can be added up by hand: matrix products at a fixed rate, messages at a fixed latency and bandwidth,
// nothing else.
#pragma once

#include "costmodel/collective_model.hpp"
#include "costmodel/kernel_model.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun::test {

// Infinite rates take no time.
struct LinearCosts {
  FlopsPerSecond products = FlopsPerSecond::infinity();
  FlopsPerSecond attention = FlopsPerSecond::infinity();  // over the full square
  BytesPerSecond links = BytesPerSecond::infinity();
};

class LinearKernels final : public KernelModel {
 public:
  explicit LinearKernels(const LinearCosts& costs) : costs_(costs) {}

  [[nodiscard]] Timing time(const Kernel& kernel) const override {
    if (const auto* gemm = std::get_if<Gemm>(&kernel))
      return {.median = flops(kernel) / (gemm->batch == 1 ? costs_.products : costs_.attention)};
    if (const auto* fused = std::get_if<FusedAttention>(&kernel))
      return {.median = flops(kernel) / fused->visible / costs_.attention};
    return {};
  }

 private:
  LinearCosts costs_;
};

class LinearLinks final : public CollectiveModel {
 public:
  explicit LinearLinks(BytesPerSecond bandwidth, Seconds latency = Seconds{0})
      : bandwidth_(bandwidth), latency_(latency) {}

  [[nodiscard]] Timing time(const Collective& collective, const Placement& group) const override {
    return {.median = group.size > 1 ? latency_ + collective.bytes / bandwidth_ : Seconds{0}};
  }

 private:
  BytesPerSecond bandwidth_;
  Seconds latency_;
};

inline PricedScenario with_costs(const Scenario& given, const LinearCosts& costs) {
  PricedScenario scenario = priced(given);
  scenario.kernels = std::make_shared<LinearKernels>(costs);
  scenario.collectives = std::make_shared<LinearLinks>(costs.links);
  return scenario;
}

inline constexpr int course_tokens = 512;

// M7 with so many layers, micro-batches of 512 tokens, links that cost nothing: a layer's forward takes `forward`, each
// of B and W as much.
inline PricedScenario layers_that_take(Seconds forward, int layers, int gpus, int global_batch,
                                       BytesPerSecond links = BytesPerSecond::infinity()) {
  const Flops layer{24.0 * course_tokens * 4096 * 4096};
  const Job job{.sequence = course_tokens, .global_batch = global_batch, .dtype = DType::fp16};
  return with_costs(course_scenario(gpus, job, m7(layers)), {.products = layer / forward, .links = links});
}

}  // namespace forerun::test
