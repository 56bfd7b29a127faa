// Fits what belongs to a software stack to the runs that were measured with it; devices and networks stay as they are calibrated.
//
// Minimises the soft error of ln(predicted / measured) step times plus, for each parameter, (ln(value / stated) / width)^2 in units of a run's
// error of 5 %: what a stack file states moves only as far as runs demand. Sources count alike, whatever their number of runs.
#pragma once

#include <string>
#include <vector>

#include "costmodel/stack.hpp"
#include "studies/statistics.hpp"
#include "studies/training_rows.hpp"

namespace forerun {

struct StackParameter {
  const char* name;           // as in the stack's file: "host.per_kernel"
  double low, high;           // seconds, shares or factors
  double width;               // of the logarithm, by which a stated value may be off
  double (*get)(const Stack&);
  void (*set)(Stack&, double);
};
const std::vector<StackParameter>& stack_parameters();

struct StackFit {
  Stack stack;                                  // with the values found
  std::vector<std::string> parameters;          // that were fitted
  std::size_t runs = 0, groups = 0;             // groups: equal models of equal source, left out together
  ErrorSummary before, after, left_out;         // of step times
  std::vector<double> residuals;                // ln(measured / predicted), left out, in the order of the rows
};

struct StackFitOptions {
  std::vector<std::string> parameters;          // names of stack_parameters()
  bool leave_out = true;                        // refit without each group
  int starts = 6;                               // a parameter that no run feels where it is stated may matter elsewhere
  double prior = 1;                             // weight of the stated values; 0: none
};

// Runs of other stacks and runs that cannot be predicted are passed over. Problems: an unknown parameter, no run left.
Result<StackFit> fit_stack(const Stack&, const std::vector<TrainingRow>&, const StackFitOptions&);

}  // namespace forerun
