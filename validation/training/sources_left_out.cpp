// How well would each source be predicted had its stacks never seen it?
#include <cmath>
#include <set>

#include "costmodel/stacks/stack_parameters.hpp"
#include "validation/training/row_scenario.hpp"
#include "validation/training/stack_fit.hpp"
#include "validation/training/training_validation.hpp"

namespace forerun {
namespace {

using Rows = std::vector<TrainingRow>;

// Those of other sources and of other models: a model that two sources ran is no unseen one.
Rows unlike(const Rows& own, const std::string& source, const Rows& all) {
  std::set<std::string> shapes;
  for (const TrainingRow& row : own) shapes.insert(shape_of(row));
  Rows others;
  for (const TrainingRow& row : all) {
    if (row.source != source && !shapes.contains(shape_of(row))) others.push_back(row);
  }
  return others;
}

// The stack of this name without what the models of `own`, its runs of `source`, taught it.
Result<Stack> without(const std::string& name, const Rows& own, const std::string& source, const Rows& all) {
  Result<Stack> stated = find_stated_stack(name);
  const Result<std::optional<StackFitRecord>> record = find_stack_fit(name);
  if (!stated || !record || !*record) return stated;
  StackFitOptions options{.parameters = (*record)->parameters, .leave_out = false, .starts = 2};
  for (const std::string& text : (*record)->where) {
    Result<std::vector<RowCondition>> conditions = parse_conditions(text);
    if (!conditions) return fail(conditions.error());
    options.where.insert(options.where.end(), conditions->begin(), conditions->end());
  }
  const auto fit = fit_stack(*stated, unlike(own, source, all), options);
  return fit ? fit->stack : stated;  // nobody else ran it
}

std::optional<LeftOutScore> score_of(const std::string& source, const Rows& all, RunReader& reader) {
  std::map<std::string, Rows> by_stack;
  for (const TrainingRow& row : all) {
    if (row.source == source && row.step_time) by_stack[reader.stack_of(row)].push_back(row);
  }
  LeftOutScore score;
  for (const auto& [name, own] : by_stack) {
    const Result<Stack> stack = without(name, own, source, all);
    if (!stack) continue;
    const auto runs = run_errors(*stack, own);
    if (!runs) continue;
    for (const RunError& run : *runs) score.mape += std::abs(std::exp(run.residual) - 1);
    score.n += runs->size();
  }
  if (score.n == 0) return std::nullopt;
  score.mape /= static_cast<double>(score.n);
  return score;
}

}  // namespace

Result<void> leave_sources_out(TrainingValidation& validation, const std::string& csv_path, const Progress& progress) {
  const Result<Rows> rows = read_training_rows(csv_path);
  if (!rows) return fail(rows.error());
  Result<RunReader> reader = RunReader::make();
  if (!reader) return fail(reader.error());
  std::set<std::string> sweeps;
  for (const ScoredRun& run : validation.runs) {
    if (run.sweep) sweeps.insert(run.source);
  }
  std::size_t done = 0;
  double sum = 0;
  int counted = 0;
  for (NamedErrors& source : validation.by_source) {
    source.left_out = score_of(source.name, *rows, *reader);
    if (source.left_out && source.left_out->n >= 5 && !sweeps.contains(source.name))
      sum += source.left_out->mape, ++counted;
    if (progress) progress(++done, validation.by_source.size());
  }
  if (counted > 0) validation.left_out_over_sources = sum / counted;
  return {};
}

}  // namespace forerun
