// How sure the time of a step is.
#pragma once

#include <array>

#include "strategies/programs/work_price.hpp"

namespace forerun {

struct PricedScenario;
struct Timing;

// Share of the error of kernels that is left where their reach was fitted to runs of the stack (a stack with a spread
// of its own, be it zero): the rest is the same for all of them and was taken out. Assumed.
inline constexpr double kernel_error_after_fit = 0.5;

// `errors`: time x spread of all kernels of a kind on the stage that works longest. Kinds are independent of each other
// and of the stack's own spread.
Timing step_timing(const PricedScenario&, Seconds length, const std::array<Seconds, error_kinds>& errors);

}  // namespace forerun
