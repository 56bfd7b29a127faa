// What `execute` says of a run, and of several: tables and JSON.
#pragma once

#include <optional>
#include <vector>

#include "cli/execute_tasks.hpp"
#include "executor/comparison.hpp"

namespace forerun::cli {

struct ExecutedPlan {
  const Task* task = nullptr;
  Comparison comparison;
  std::optional<bool> same;  // are the losses those of one rank? nullopt: nothing to compare
  bool on_gpus = false;
};

// `reference`: the losses of one rank; empty: nothing to compare.
void print_execution(const ExecutedPlan&, const Execution&, const std::vector<double>& reference);
void print_execution_json(const ExecutedPlan&, const Execution&, const std::vector<double>& reference);

// A row each, the errors of those with a core for each rank and of those that share them, and Kendall's tau of their
// order.
void print_executions(const std::vector<ExecutedPlan>&);
void print_executions_json(const std::vector<ExecutedPlan>&);

}  // namespace forerun::cli
