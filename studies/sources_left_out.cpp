// How well would each source be predicted had its stacks never seen it?
#include <cmath>
#include <set>

#include "costmodel/stack_parameters.hpp"
#include "studies/stack_fit.hpp"
#include "studies/training_validation.hpp"

namespace forerun {
namespace {

std::vector<std::string> fitted_parameters(const Stack& stated, const Stack& fitted) {
  std::vector<std::string> names;
  for (const StackParameter& p : stack_parameters()) {
    if (p.get(stated) != p.get(fitted)) names.emplace_back(p.name);
  }
  return names;
}

// The stack of this name without what `source` taught it.
Result<Stack> without(const std::string& name, const std::string& source, const std::vector<TrainingRow>& rows) {
  const Result<Stack> stated = find_stated_stack(name), fitted = find_stack(name);
  if (!stated || !fitted) return stated;
  std::vector<TrainingRow> others;
  for (const TrainingRow& row : rows) {
    if (row.source != source) others.push_back(row);
  }
  const auto fit = fit_stack(*stated, others, {.parameters = fitted_parameters(*stated, *fitted), .leave_out = false, .starts = 2});
  return fit ? fit->stack : *stated;  // nobody else ran it
}

}  // namespace

Result<void> leave_sources_out(TrainingValidation& validation, const std::string& csv_path, const Progress& progress) {
  const Result<std::vector<TrainingRow>> rows = read_training_rows(csv_path);
  if (!rows) return fail(rows.error());
  std::size_t done = 0;
  double sum = 0;
  int counted = 0;
  for (NamedErrors& source : validation.by_source) {
    std::set<std::string> stacks;
    bool sweep = false;
    for (const ScoredRun& run : validation.runs) {
      if (run.source != source.name || !run.measured_time) continue;
      stacks.insert(run.stack);
      sweep = sweep || run.sweep;
    }
    std::vector<TrainingRow> own;
    for (const TrainingRow& row : *rows) {
      if (row.source == source.name) own.push_back(row);
    }
    double errors = 0;
    std::size_t n = 0;
    for (const std::string& name : stacks) {
      const Result<Stack> stack = without(name, source.name, *rows);
      if (!stack) continue;
      const auto runs = run_errors(*stack, own);
      if (!runs) continue;
      for (const RunError& run : *runs) errors += std::abs(std::exp(run.residual) - 1);
      n += runs->size();
    }
    if (n > 0) source.left_out = errors / static_cast<double>(n);
    if (n >= 5 && !sweep) sum += *source.left_out, ++counted;
    if (progress) progress(++done, validation.by_source.size());
  }
  if (counted > 0) validation.left_out_over_sources = sum / counted;
  return {};
}

}  // namespace forerun
