#include "studies/stack_fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "base/text.hpp"
#include "costmodel/levenberg_marquardt.hpp"
#include "costmodel/reach.hpp"
#include "strategies/check_plan.hpp"
#include "studies/predict_run.hpp"

namespace forerun {
namespace {

constexpr double run_error = 0.05;

// One scenario of the file with all its runs; the stack is exchanged in place.
struct FitScenario {
  explicit FitScenario(PricedScenario priced) : context(std::move(priced)), kernels(context.scenario.kernels), collectives(context.scenario.collectives) {}
  ClosedFormContext context;
  std::shared_ptr<const KernelModel> kernels;
  std::shared_ptr<const CollectiveModel> collectives;
};

struct FitRun {
  ReadRun run;
  std::shared_ptr<FitScenario> scenario;
  double measured = 0, weight = 1;
  std::string source, group;
};

class StackFitter {
 public:
  StackFitter(Stack stated, std::vector<const StackParameter*> parameters, double prior) : stated_(std::move(stated)), parameters_(std::move(parameters)), prior_(prior) {}

  Result<void> read(const std::vector<TrainingRow>& rows) {
    Result<RunReader> reader = RunReader::make();
    if (!reader) return fail(reader.error());
    std::map<std::string, std::size_t> of_source;
    for (const TrainingRow& row : rows) {
      if (!row.step_time) continue;
      ReadRun run = reader->read(row);
      if (!run.skipped.empty() || run.scenario.stack.name != stated_.name || !check_plan(run.scenario, run.plan).empty()) continue;
      std::shared_ptr<FitScenario> scenario = scenario_of(run.scenario);
      if (scenario == nullptr) continue;
      ++of_source[row.source];
      runs_.push_back({std::move(run), std::move(scenario), row.step_time->value(), 1, row.source, row.source + "|" + row.model});
    }
    if (runs_.empty()) return fail(Problem{{}, fmt::format("no run of the stack '{}' that can be predicted", stated_.name), ""});
    for (FitRun& run : runs_) run.weight = std::sqrt(static_cast<double>(runs_.size()) / static_cast<double>(of_source.size() * of_source[run.source]));
    return {};
  }

  [[nodiscard]] const std::vector<FitRun>& runs() const { return runs_; }

  // Of the runs that `counts` accepts.
  template <class Counts>
  std::vector<double> values(int starts, Counts counts) {
    std::vector<std::size_t> used;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      if (counts(runs_[i])) used.push_back(i);
    }
    std::vector<FitParameter> bounds;
    for (const StackParameter* p : parameters_) bounds.push_back({p->name, p->low, std::clamp(p->get(stated_), p->low, p->high), p->high});
    // The stated values weigh as much as some tens of runs, however many there are.
    const auto residuals = [&](std::span<const double> values, std::span<double> out) {
      const std::vector<double> errors = residuals_of(with(values), used);
      for (std::size_t i = 0; i < used.size(); ++i) out[i] = runs_[used[i]].weight * errors[i];
      for (std::size_t k = 0; k < values.size(); ++k) {
        out[used.size() + k] = prior_ * run_error * std::log(values[k] / bounds[k].start) / parameters_[k]->width * std::sqrt(std::max(1.0, static_cast<double>(used.size()) / typical_runs));
      }
    };
    return fit(bounds, used.size() + bounds.size(), residuals, {.loss_scale = 2 * run_error, .difference = 1e-2, .starts = starts, .iterations = 30, .tolerance = 1e-4}).values;
  }

  [[nodiscard]] Stack with(std::span<const double> values) const {
    Stack stack = stated_;
    for (std::size_t k = 0; k < values.size(); ++k) parameters_[k]->set(stack, values[k]);
    return stack;
  }

  // ln(predicted / measured).
  std::vector<double> residuals_of(const Stack& stack, const std::vector<std::size_t>& which) {
    std::vector<double> list;
    for (const std::size_t i : which) {
      FitRun& run = runs_[i];
      FitScenario& scenario = *run.scenario;
      Stack own = scenario.context.scenario.given.stack;  // with what the row says of it
      for (const StackParameter* p : parameters_) p->set(own, p->get(stack));
      scenario.context.exchange(own, with_reach(scenario.kernels, own.reach), with_reach(scenario.collectives, own.reach));
      list.push_back(std::log(predict(run.scenario->context, run.run).step.median.value() / run.measured));
    }
    return list;
  }

 private:
  static constexpr double typical_runs = 30;

  std::shared_ptr<FitScenario> scenario_of(Scenario given) {
    given.stack.reach = {};
    for (const auto& known : scenarios_) {
      if (known.first == given) return known.second;
    }
    Result<PricedScenario> priced = price(given);
    auto scenario = priced ? std::make_shared<FitScenario>(*std::move(priced)) : nullptr;
    scenarios_.emplace_back(std::move(given), scenario);
    return scenario;
  }

  Stack stated_;
  std::vector<const StackParameter*> parameters_;
  double prior_;
  std::vector<std::pair<Scenario, std::shared_ptr<FitScenario>>> scenarios_;
  std::vector<FitRun> runs_;
};

ErrorSummary errors_of(const std::vector<double>& residuals) {
  std::vector<double> errors;
  for (const double r : residuals) errors.push_back(std::exp(r) - 1);
  return summarise(errors);
}

}  // namespace

#define FIELD(path) [](const Stack& s) { return double{s.path}; }, [](Stack& s, double v) { s.path = v; }
#define TIME(path) [](const Stack& s) { return s.path.value(); }, [](Stack& s, double v) { s.path = Seconds{v}; }
const std::vector<StackParameter>& stack_parameters() {
  static const std::vector<StackParameter> list{
      {"reach.gemm", 0.5, 1.5, 0.1, FIELD(reach.gemm)},
      {"reach.attention", 0.2, 2, 0.3, FIELD(reach.attention)},
      {"reach.streaming", 0.2, 2, 0.3, FIELD(reach.streaming)},
      {"reach.communication", 0.2, 2, 0.2, FIELD(reach.communication)},
      {"host.per_kernel", 2e-7, 3e-4, 1, TIME(host_per_kernel)},
      {"host.per_step", 1e-4, 1, 1, TIME(host_per_step)},
      {"optimizer_passes", 0.5, 10, 0.4, FIELD(optimizer_passes)},
      {"contention", 0.02, 0.6, 0.5, FIELD(contention)},
      {"overlap.tp_forward", 0.05, 1, 0.5, FIELD(overlap.tp_forward)},
      {"overlap.tp_backward", 0.05, 1, 0.5, FIELD(overlap.tp_backward)},
      {"overlap.dp", 0.05, 1, 0.5, FIELD(overlap.dp)},
      {"overlap.zero3", 0.05, 1, 0.5, FIELD(overlap.zero3)},
      {"overlap.pp", 0.05, 1, 0.5, FIELD(overlap.pp)},
      {"overlap.ep", 0.05, 1, 0.5, FIELD(overlap.ep)}};
  return list;
}
#undef FIELD
#undef TIME

Result<StackFit> fit_stack(const Stack& stated, const std::vector<TrainingRow>& rows, const StackFitOptions& options) {
  std::vector<const StackParameter*> chosen;
  Problems problems;
  for (const std::string& name : options.parameters) {
    std::vector<std::string> known;
    const StackParameter* found = nullptr;
    for (const StackParameter& p : stack_parameters()) {
      known.emplace_back(p.name);
      if (name == p.name) found = &p;
    }
    if (found == nullptr) problems.push_back({{}, fmt::format("a stack has no fitted parameter '{}'", name), suggestion(name, known)});
    chosen.push_back(found);
  }
  if (!problems.empty()) return fail(std::move(problems));

  StackFitter fitter(stated, chosen, options.prior);
  if (const Result<void> read = fitter.read(rows); !read) return fail(read.error());
  const std::vector<FitRun>& runs = fitter.runs();
  std::vector<std::size_t> all(runs.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;

  StackFit result{.stack = stated, .parameters = options.parameters, .runs = runs.size()};
  result.before = errors_of(fitter.residuals_of(stated, all));
  const auto everything = [](const FitRun&) { return true; };
  result.stack = fitter.with(fitter.values(options.starts, everything));
  const std::vector<double> after = fitter.residuals_of(result.stack, all);
  result.after = errors_of(after);

  std::vector<std::string> groups;
  for (const FitRun& run : runs) {
    if (std::find(groups.begin(), groups.end(), run.group) == groups.end()) groups.push_back(run.group);
  }
  result.groups = groups.size();
  std::vector<double> left_out = after;
  // At most ten folds of whole groups.
  const std::size_t folds = std::min<std::size_t>(groups.size(), 10);
  const auto fold_of = [&](const FitRun& run) { return static_cast<std::size_t>(std::find(groups.begin(), groups.end(), run.group) - groups.begin()) % folds; };
  if (options.leave_out && groups.size() > 1) {
    for (std::size_t fold = 0; fold < folds; ++fold) {
      const Stack stack = fitter.with(fitter.values(1, [&](const FitRun& run) { return fold_of(run) != fold; }));
      std::vector<std::size_t> out;
      for (const std::size_t i : all) {
        if (fold_of(runs[i]) == fold) out.push_back(i);
      }
      const std::vector<double> errors = fitter.residuals_of(stack, out);
      for (std::size_t i = 0; i < out.size(); ++i) left_out[out[i]] = errors[i];
    }
  }
  result.left_out = errors_of(left_out);
  for (const double r : left_out) result.residuals.push_back(-r);
  return result;
}

}  // namespace forerun
