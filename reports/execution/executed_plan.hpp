// One plan that ran, beside its prediction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "costmodel/timing.hpp"
#include "executor/comparison.hpp"
#include "strategies/plan/scenario.hpp"

namespace forerun {

struct ExecutedPlan {
  std::string name;
  const PricedScenario& scenario;
  const Plan& plan;
  Timing estimate;  // of a step, in closed form
  Comparison comparison;
  std::optional<bool> same;  // are the losses those of one rank? nullopt: nothing to compare
  bool on_gpus = false;

  [[nodiscard]] int ranks() const { return gpus(plan); }
};

}  // namespace forerun
