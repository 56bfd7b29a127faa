#include "validation/training/stack_fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <set>

#include "base/quantile.hpp"
#include "base/text.hpp"
#include "costmodel/fitting/folds.hpp"
#include "costmodel/fitting/levenberg_marquardt.hpp"
#include "costmodel/reach.hpp"
#include "strategies/closed_form/step_timing.hpp"
#include "strategies/plan/check_plan.hpp"
#include "validation/training/predict_run.hpp"

namespace forerun {
namespace {

constexpr double run_error = 0.05;

// One scenario of the file with all its runs; the stack is exchanged in place.
struct FitScenario {
  FitScenario(PricedScenario priced, bool of_row)
      : compiled(of_row),
        context(std::move(priced)),
        kernels(context.scenario.kernels),
        collectives(context.scenario.collectives) {}
  bool compiled;
  ClosedFormContext context;
  std::shared_ptr<const KernelModel> kernels;
  std::shared_ptr<const CollectiveModel> collectives;
};

struct FitRun {
  ReadRun run;
  std::shared_ptr<FitScenario> scenario;
  double measured = 0;
  std::string id, source, group, family;
};

class StackFitter {
 public:
  StackFitter(Stack stated, std::vector<const StackParameter*> parameters, double prior)
      : stated_(std::move(stated)), parameters_(std::move(parameters)), prior_(prior) {}

  Result<void> read(const std::vector<TrainingRow>& rows, const std::vector<RowCondition>& where) {
    Result<RunReader> reader = RunReader::make();
    if (!reader) return fail(reader.error());
    for (const TrainingRow& row : rows) {
      if (!row.step_time) continue;
      ReadRun run = reader->read(row);
      if (!run.skipped.empty() || run.scenario.stack.name != stated_.name ||
          !check_plan(run.scenario, run.plan).empty())
        continue;
      if (!fulfils(row, where)) {
        ++dropped_;
        continue;
      }
      std::shared_ptr<FitScenario> scenario = scenario_of(run.scenario);
      if (scenario == nullptr) continue;
      const std::string family = scenario->context.scenario.device().family;
      runs_.push_back(
          {std::move(run), std::move(scenario), row.step_time->value(), row.run_id, row.source, shape_of(row), family});
    }
    if (runs_.empty() && dropped_ > 0)
      return fail(Problem{{},
                          fmt::format("none of the {} runs of the stack '{}' is chosen", dropped_, stated_.name),
                          "loosen the conditions of --where"});
    if (runs_.empty())
      return fail(Problem{{}, fmt::format("no run of the stack '{}' that can be predicted", stated_.name), ""});
    return {};
  }

  [[nodiscard]] const std::vector<FitRun>& runs() const { return runs_; }
  [[nodiscard]] std::size_t dropped() const { return dropped_; }

  // Fitted to the runs of these indices, which rise.
  Stack fitted(int starts, const std::vector<std::size_t>& used) {
    std::vector<FitParameter> bounds;
    for (const StackParameter* p : parameters_)
      bounds.push_back({p->name, p->low, std::clamp(p->get(stated_), p->low, p->high), p->high});
    const auto residuals = [&](std::span<const double> values, std::span<double> out) {
      const std::vector<RunError> errors = errors_with(with(values), used);
      for (std::size_t i = 0; i < used.size(); ++i) out[i] = errors[i].residual;
      for (std::size_t k = 0; k < values.size(); ++k) {
        out[used.size() + k] = prior_ * run_error * std::log(values[k] / bounds[k].start) / parameters_[k]->width;
      }
    };
    return with(fit(bounds, used.size() + bounds.size(), residuals,
                    {.loss_scale = 2 * run_error,
                     .difference = 1e-2,
                     .starts = starts,
                     .iterations = 30,
                     .tolerance = 1e-4,
                     .weights = weights(used)})
                    .values);
  }

  [[nodiscard]] Stack with(std::span<const double> values) const {
    Stack stack = stated_;
    for (std::size_t k = 0; k < values.size(); ++k) parameters_[k]->set(stack, values[k]);
    return stack;
  }

  std::vector<RunError> errors_with(const Stack& stack, const std::vector<std::size_t>& which) {
    std::vector<RunError> list;
    for (const std::size_t i : which) {
      FitRun& run = runs_[i];
      FitScenario& scenario = *run.scenario;
      Stack own = scenario.context.scenario.given.stack;  // with what the row says of it
      for (const StackParameter& p : stack_parameters()) p.set(own, p.get(stack));
      own.compiled = scenario.compiled;
      scenario.context.exchange(own, with_reach(scenario.kernels, own, scenario.context.scenario.device()),
                                with_reach(scenario.collectives, own));
      const Timing step = predict(scenario.context, run.run).step;
      list.push_back({run.id, run.source, std::log(step.median.value() / run.measured), step.spread});
    }
    return list;
  }

 private:
  static constexpr double typical_runs = 30;

  // Of the runs, so that sources count alike, and of the stated values: as much as some tens of runs, however many
  // there are.
  std::vector<double> weights(const std::vector<std::size_t>& used) const {
    std::map<std::string, std::size_t> of_source;
    for (const std::size_t i : used) ++of_source[runs_[i].source];
    const double n = static_cast<double>(used.size());
    std::vector<double> list;
    for (const std::size_t i : used)
      list.push_back(n / static_cast<double>(of_source.size() * of_source[runs_[i].source]));
    list.resize(used.size() + parameters_.size(), std::max(1.0, n / typical_runs));
    return list;
  }

  std::shared_ptr<FitScenario> scenario_of(Scenario given) {
    for (const StackParameter& p : stack_parameters()) p.set(given.stack, p.get(stated_));
    given.stack.spread = {};
    const bool compiled = given.stack.compiled;
    given.stack.reach = {};
    given.stack.compiled = true;
    for (const auto& known : scenarios_) {
      if (known.first == given && (known.second == nullptr || known.second->compiled == compiled)) return known.second;
    }
    Result<PricedScenario> priced = price(given);
    auto scenario = priced ? std::make_shared<FitScenario>(*std::move(priced), compiled) : nullptr;
    scenarios_.emplace_back(std::move(given), scenario);
    return scenario;
  }

  Stack stated_;
  std::vector<const StackParameter*> parameters_;
  double prior_;
  std::vector<std::pair<Scenario, std::shared_ptr<FitScenario>>> scenarios_;
  std::vector<FitRun> runs_;
  std::size_t dropped_ = 0;
};

ErrorSummary errors_of(const std::vector<RunError>& runs) {
  std::vector<double> errors;
  for (const RunError& run : runs) errors.push_back(std::exp(run.residual) - 1);
  return summarise(errors);
}

// The stack's own spread with which the band of this run just holds it.
double needed(const RunError& run) {
  const double all = run.residual / ninetieth, kernels = kernel_error_after_fit * run.kernels;
  return std::sqrt(std::max(0.0, all * all - kernels * kernels));
}

std::vector<std::size_t> indices(std::size_t n) {
  std::vector<std::size_t> all(n);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

double share_in_band(const std::vector<RunError>& errors, const Folds& folds) {
  const auto spread_of_others = [&](std::size_t fold) {
    std::vector<double> others;
    for (const std::size_t i : folds.others(fold)) others.push_back(needed(errors[i]));
    return quantile(others, 0.8);
  };
  const std::vector<int> inside = predict_left_out(
      folds, spread_of_others, [&](double spread, std::size_t i) { return needed(errors[i]) <= spread ? 1 : 0; });
  return std::accumulate(inside.begin(), inside.end(), 0.0) / static_cast<double>(errors.size());
}

// Groups in the order in which the runs first name them; at least two.
UnseenRuns left_out(StackFitter& fitter, const std::vector<std::string>& groups, int starts) {
  constexpr std::size_t most_folds = 10;
  std::vector<std::size_t> group_of;
  for (const FitRun& run : fitter.runs())
    group_of.push_back(static_cast<std::size_t>(std::find(groups.begin(), groups.end(), run.group) - groups.begin()));
  const Folds folds(group_of, groups.size(), most_folds);
  const auto without = [&](std::size_t fold) {
    std::vector<std::size_t> others = folds.others(fold);
    std::sort(others.begin(), others.end());
    return fitter.fitted(starts, others);
  };
  const std::vector<RunError> unseen = predict_left_out(
      folds, without, [&](const Stack& stack, std::size_t i) { return fitter.errors_with(stack, {i}).front(); });
  std::vector<double> spreads;
  for (const RunError& run : unseen) spreads.push_back(needed(run));
  return {errors_of(unseen), quantile(spreads, 0.8), share_in_band(unseen, folds)};
}

}  // namespace

Result<std::vector<RunError>> run_errors(const Stack& stack, const std::vector<TrainingRow>& rows) {
  StackFitter fitter(stack, {}, 0);
  if (const Result<void> read = fitter.read(rows, {}); !read) return fail(read.error());
  return fitter.errors_with(stack, indices(fitter.runs().size()));
}

StackFitRecord record_of(const StackFit& fit, const std::string& date) {
  StackFitRecord record{.runs = fmt::format("{} of {}", fit.runs, join(fit.sources, "; ")),
                        .date = date,
                        .dropped = fit.dropped,
                        .families = fit.families};
  for (const RowCondition& condition : fit.where) record.where.push_back(to_string(condition));
  if (fit.left_out) record.left_out = fit.left_out->errors.mape, record.spread = fit.left_out->spread;
  for (const StackParameter& p : stack_parameters()) {  // in the order in which they are read
    if (std::find(fit.parameters.begin(), fit.parameters.end(), p.name) == fit.parameters.end()) continue;
    record.parameters.emplace_back(p.name);
    record.values.emplace_back(p.name, p.get(fit.stack));
  }
  return record;
}

Result<StackFit> fit_stack(const Stack& stated, const std::vector<TrainingRow>& rows, const StackFitOptions& options) {
  std::vector<const StackParameter*> chosen;
  Problems problems;
  for (const std::string& name : options.parameters) {
    std::vector<std::string> known;
    for (const StackParameter& p : stack_parameters()) known.emplace_back(p.name);
    chosen.push_back(find_stack_parameter(name));
    if (chosen.back() != nullptr && std::count(chosen.begin(), chosen.end(), chosen.back()) == 2)
      problems.push_back({{}, fmt::format("the parameter '{}' is named twice", name), "name each once"});
    if (chosen.back() == nullptr)
      problems.push_back({{}, fmt::format("a stack has no fitted parameter '{}'", name), suggestion(name, known)});
  }
  if (!problems.empty()) return fail(std::move(problems));

  StackFitter fitter(stated, chosen, options.prior);
  if (const Result<void> read = fitter.read(rows, options.where); !read) return fail(read.error());
  const std::vector<FitRun>& runs = fitter.runs();
  const std::vector<std::size_t> all = indices(runs.size());

  StackFit result{.stack = stated,
                  .parameters = options.parameters,
                  .where = options.where,
                  .dropped = fitter.dropped(),
                  .runs = runs.size()};
  result.before = errors_of(fitter.errors_with(stated, all));
  result.stack = fitter.fitted(options.starts, all);
  result.after = errors_of(fitter.errors_with(result.stack, all));

  std::vector<std::string> groups;
  std::set<std::string> sources, families;
  for (const FitRun& run : runs) {
    if (std::find(groups.begin(), groups.end(), run.group) == groups.end()) groups.push_back(run.group);
    sources.insert(run.source), families.insert(run.family);
  }
  result.groups = groups.size();
  result.sources.assign(sources.begin(), sources.end());
  result.families.assign(families.begin(), families.end());
  if (options.leave_out && groups.size() > 1) result.left_out = left_out(fitter, groups, options.starts);
  return result;
}

}  // namespace forerun
