// From predicted runs to errors, fits and regret.
#include <algorithm>

#include "validation/statistics.hpp"
#include "validation/training/training_validation.hpp"

namespace forerun {
namespace {

using Name = std::string ScoredRun::*;

double error(Seconds predicted, Seconds measured) { return predicted / measured - 1; }
double error(Bytes predicted, Bytes measured) { return predicted / measured - 1; }

// Sum over groups of (source, GPU) of the error of their best constant MFU, as a mean over all runs.
double constant_mfu(const std::vector<const ScoredRun*>& runs) {
  std::map<std::pair<std::string, std::string>, std::vector<double>> reached;
  for (const ScoredRun* run : runs) {
    reached[{run->source, run->gpu}].push_back(run->predicted_mfu * (run->predicted_time / *run->measured_time));
  }
  double sum = 0;
  for (const auto& [group, mfu] : reached) sum += constant_mfu_error(mfu) * static_cast<double>(mfu.size());
  return sum / static_cast<double>(runs.size());
}

double in_band(const std::vector<const ScoredRun*>& runs) {
  const auto inside = std::count_if(runs.begin(), runs.end(), [](const ScoredRun* r) {
    return *r->measured_time >= r->low && *r->measured_time <= r->high;
  });
  return static_cast<double>(inside) / static_cast<double>(runs.size());
}

// Over all pairs of equal model and device count; ties in measured time do not count.
std::optional<double> kendall_tau(const std::vector<const ScoredRun*>& runs) {
  std::map<std::string, std::vector<std::pair<double, double>>> sizes;
  for (const ScoredRun* run : runs) {
    if (run->sweep) sizes[run->size].emplace_back(run->predicted_time.value(), run->measured_time->value());
  }
  PairOrder order;
  for (const auto& [size, times] : sizes) order += pair_order(times);
  if (order.agree + order.disagree == 0) return std::nullopt;
  return order.tau();
}

std::vector<NamedErrors> times_by(const std::vector<ScoredRun>& all, Name name) {
  std::map<std::string, std::vector<const ScoredRun*>> groups;
  for (const ScoredRun& run : all) {
    if (run.measured_time) groups[run.*name].push_back(&run);
  }
  std::vector<NamedErrors> list;
  for (const auto& [key, runs] : groups) {
    std::vector<double> errors;
    for (const ScoredRun* run : runs) errors.push_back(error(run->predicted_time, *run->measured_time));
    list.push_back({key, summarise(errors), constant_mfu(runs), in_band(runs), std::nullopt, kendall_tau(runs)});
  }
  return list;
}

std::optional<double> mean_over_sources(const TrainingValidation& v, const std::vector<NamedErrors>& by_source) {
  constexpr std::size_t fewest = 5;
  double sum = 0;
  int sources = 0;
  for (const NamedErrors& source : by_source) {
    const auto of_sweep = [&](const ScoredRun& run) { return run.source == source.name && run.sweep; };
    if (source.errors.n < fewest || std::any_of(v.runs.begin(), v.runs.end(), of_sweep)) continue;
    sum += source.errors.mape;
    ++sources;
  }
  return sources > 0 ? std::optional(sum / sources) : std::nullopt;
}

void score_memory(TrainingValidation& v) {
  std::map<std::string, std::vector<double>> by_source;
  std::vector<double> overall;
  for (const ScoredRun& run : v.runs) {
    if (!run.measured_memory) continue;
    const double e = error(run.predicted_memory, *run.measured_memory);
    by_source[run.source].push_back(e);
    if (!run.sweep) overall.push_back(e);
  }
  v.memory_by_source.clear();
  for (const auto& [source, errors] : by_source)
    v.memory_by_source.push_back({source, summarise(errors), {}, {}, {}, {}});
  v.memory_overall = {"overall", summarise(overall), {}, {}, {}, {}};
  v.memory_mean_over_sources = mean_over_sources(v, v.memory_by_source);
}

FitScore score_fit(const std::vector<ScoredRun>& runs) {
  constexpr double clearly_fits = 0.9, far_below = 0.7;  // of the capacity
  FitScore fit;
  for (const ScoredRun& run : runs) {
    if (!run.fits) continue;
    if (*run.fits) {
      ++fit.ran;
      if (!run.predicted_fits) ++fit.false_ooms;
      continue;
    }
    const bool false_fit = run.predicted_total < clearly_fits * run.capacity,
               crash = run.predicted_total < far_below * run.capacity;
    if (!run.sweep) {
      ++fit.failed;
      fit.false_fits += false_fit ? 1 : 0;
    } else {
      ++fit.sweep_failed;
      fit.suspected_crashes += crash ? 1 : 0;
      fit.sweep_false_fits += false_fit && !crash ? 1 : 0;
    }
  }
  return fit;
}

// Repeats of a plan count once, with the mean of their measured times.
struct PlanTimes {
  Seconds predicted, measured;
  int repeats = 0;
  [[nodiscard]] Seconds mean() const { return measured / repeats; }
};

RegretScore score_regret(std::string name, const std::vector<ScoredRun>& runs,
                         const std::function<bool(const ScoredRun&)>& counts) {
  std::map<std::string, std::map<std::string, PlanTimes>> workloads;
  for (const ScoredRun& run : runs) {
    if (!run.measured_time || !counts(run)) continue;
    PlanTimes& plan = workloads[run.workload][run.plan];
    plan.predicted = run.predicted_time;
    plan.measured += *run.measured_time;
    ++plan.repeats;
  }
  constexpr std::size_t fewest = 3;
  RegretScore score{.name = std::move(name)};
  double sum = 0;
  for (const auto& [workload, plans] : workloads) {
    if (plans.size() < fewest) continue;
    const auto predicted = [](const auto& a, const auto& b) { return a.second.predicted < b.second.predicted; };
    const auto measured = [](const auto& a, const auto& b) { return a.second.mean() < b.second.mean(); };
    const Seconds picked = std::min_element(plans.begin(), plans.end(), predicted)->second.mean();
    const Seconds best = std::min_element(plans.begin(), plans.end(), measured)->second.mean();
    const double regret = picked / best - 1;
    ++score.workloads;
    sum += regret;
    score.max = std::max(score.max, regret);
  }
  if (score.workloads > 0) score.mean = sum / static_cast<double>(score.workloads);
  return score;
}

void score_regrets(TrainingValidation& v) {
  v.regret = score_regret("overall", v.runs, [](const ScoredRun& run) { return !run.sweep; });
  v.regret_by_source.clear();
  for (const NamedErrors& source : v.by_source) {
    RegretScore score =
        score_regret(source.name, v.runs, [&](const ScoredRun& run) { return run.source == source.name; });
    if (score.workloads > 0) v.regret_by_source.push_back(std::move(score));
  }
}

}  // namespace

void score(TrainingValidation& v) {
  v.scored = v.runs.size();
  v.by_source = times_by(v.runs, &ScoredRun::source);
  v.by_stack = times_by(v.runs, &ScoredRun::stack);
  v.mean_over_sources = mean_over_sources(v, v.by_source);
  score_memory(v);
  v.fit = score_fit(v.runs);
  score_regrets(v);
}

}  // namespace forerun
