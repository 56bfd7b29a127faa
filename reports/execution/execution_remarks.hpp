// What a person should know before trusting the errors of a run: the same in the table and in JSON.
#pragma once

#include <string>
#include <vector>

#include "executor/execute.hpp"
#include "reports/execution/executed_plan.hpp"

namespace forerun {

// The plan's own: what others took is said once for all plans.
std::vector<std::string> remarks_of(const ExecutedPlan&);
std::vector<std::string> remarks_of(const ExecutedPlan&, const Execution&);

// Of several plans, how many were disturbed by other programs. "": none was.
std::string disturbed_text(const std::vector<ExecutedPlan>&);

}  // namespace forerun
