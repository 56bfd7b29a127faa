// Fits what belongs to a software stack to the runs that were measured with it; devices and networks stay as they are
// calibrated.
//
// Minimises the soft error of ln(predicted / measured) step times plus, for each parameter, (ln(value / stated) /
// width)^2 in units of a run's error of 5 %: what a stack file states moves only as far as runs demand. Sources count
// alike, whatever their number of runs: a run's error weighs by one over the runs of its source, outside the loss.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "costmodel/fitting/errors.hpp"
#include "costmodel/stacks/stack_parameters.hpp"
#include "validation/training/row_filter.hpp"
#include "validation/training/training_rows.hpp"

namespace forerun {

// A run predicted with some stack.
struct RunError {
  std::string run_id, source;
  double residual = 0;  // ln(predicted / measured)
  double kernels = 0;   // the spread that kernels and exchanges alone give the step
};

// Each run predicted by a fit that did not see its group.
struct UnseenRuns {
  ErrorSummary errors;  // of step times
  double spread = 0;    // with which the 80 % bands hold four in five of the runs
  double in_band = 0;   // share of the runs inside bands of a spread that they had no part in
};

struct StackFit {
  Stack stack;                           // with the values found
  std::vector<std::string> parameters;   // that were fitted
  std::vector<RowCondition> where;       // that the runs fulfil
  std::size_t dropped = 0;               // runs that could be predicted but do not
  std::size_t runs = 0, groups = 0;      // groups: models of equal shape (shape_of), left out together
  std::vector<std::string> sources;      // sorted
  std::vector<std::string> families;     // of the devices, sorted
  ErrorSummary before, after;            // of step times
  std::optional<UnseenRuns> left_out;    // nullopt: one group only, or not asked for
};

struct StackFitOptions {
  std::vector<std::string> parameters;          // names of stack_parameters()
  std::vector<RowCondition> where{};            // only runs that fulfil these
  bool leave_out = true;                        // refit without each group
  int starts = 6;  // a parameter that no run feels where it is stated may matter elsewhere
  double prior = 1;  // weight of the stated values; 0: none
};

// The record for the stack's file.
StackFitRecord record_of(const StackFit&, const std::string& date);

// Of the runs of the stack's name, whatever the fit in its own file says. Problem: no run.
Result<std::vector<RunError>> run_errors(const Stack&, const std::vector<TrainingRow>&);

// `stated`: without an earlier fit. Runs of other stacks and runs that cannot be predicted are passed over. Problems:
// an unknown parameter, no run left.
Result<StackFit> fit_stack(const Stack&, const std::vector<TrainingRow>&, const StackFitOptions&);

}  // namespace forerun
