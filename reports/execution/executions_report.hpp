// Several plans that ran in turn.
#pragma once

#include <string>
#include <vector>

#include "reports/execution/executed_plan.hpp"

namespace forerun {

// A row each, the errors of those with a core for each rank and of those that share them, and Kendall's tau of their
// order.
std::string to_text(const std::vector<ExecutedPlan>&, int width);
std::string json_text(const std::vector<ExecutedPlan>&);

}  // namespace forerun
