#include "strategies/closed_form/step_timing.hpp"

#include <cmath>

#include "costmodel/parameters.hpp"
#include "strategies/plan/scenario.hpp"

namespace forerun {

Timing step_timing(const PricedScenario& scenario, Seconds length, const std::array<Seconds, error_kinds>& errors) {
  const std::optional<double>& spread = scenario.given.stack.spread;
  const double left = spread ? kernel_error_after_fit : 1;
  double squares = spread.value_or(0) * spread.value_or(0);
  for (const Seconds part : errors) squares += (left * part / length) * (left * part / length);
  return {length, std::sqrt(squares), scenario.parameters->evidence};
}

}  // namespace forerun
