// A search that found no plan that fits: what binds, and the smallest changes that would fit.
#pragma once

#include <string>

#include "strategies/search/advice.hpp"
#include "strategies/search/search.hpp"

namespace forerun {

struct NoFitAnswer {
  const Scenario& scenario;
  const Certificate& certificate;
  const NearestPlan& nearest;
  const Advice& advice;
};

std::string to_text(const NoFitAnswer&, int width);
// The scenario, `plans` (none), `certificate`, `binding`, `short_by`, `nearest` (plan, memory), `would_fit`.
std::string json_text(const NoFitAnswer&);

}  // namespace forerun
