// One run of one plan: losses, time, memory and bytes beside their predictions.
#pragma once

#include <string>
#include <vector>

#include "executor/execute.hpp"
#include "reports/execution/executed_plan.hpp"

namespace forerun {

struct ExecutionAnswer {
  const ExecutedPlan& plan;
  const Execution& run;
  const std::vector<double>& reference;  // the losses of one rank; empty: nothing to compare
};

std::string to_text(const ExecutionAnswer&, int width);
// The scenario, plan, step (with spread, low, high, evidence), cores, others, expert_skew, remarks, time, memory,
// resident (of the process, and what of it is counted), bytes, losses, reference, agrees.
std::string json_text(const ExecutionAnswer&);

}  // namespace forerun
