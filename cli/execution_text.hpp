// What `execute` says of a run, and of several: tables and JSON.
#pragma once

#include <string>
#include <vector>

#include "executor/comparison.hpp"

namespace forerun::cli {

// `reference`: the losses of one rank; empty: not asked for. `same`: they agree.
void print_execution(const PricedScenario&, const Plan&, const Comparison&, const Execution&, const std::vector<double>& reference);
void print_execution_json(const PricedScenario&, const Plan&, const Comparison&, const Execution&, const std::vector<double>& reference, bool same);

struct ExecutedPlan {
  std::string plan;
  int ranks = 0;
  Comparison comparison;
  bool same = true;
};

// A row each, the errors of those with a core for each rank and of those that share them, and Kendall's tau of their order.
void print_executions(const std::vector<ExecutedPlan>&);
void print_executions_json(const std::vector<ExecutedPlan>&);

}  // namespace forerun::cli
