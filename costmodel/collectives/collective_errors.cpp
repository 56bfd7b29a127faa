#include "costmodel/collectives/collective_errors.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/quantile.hpp"
#include "costmodel/fitting/folds.hpp"

namespace forerun {
namespace {

using Samples = std::span<const CollectiveSample>;

// In the order of the samples, on which the sums of a fit depend to the last bit.
std::vector<CollectiveSample> select(Samples samples, std::vector<std::size_t> which) {
  std::sort(which.begin(), which.end());
  std::vector<CollectiveSample> list;
  for (const std::size_t i : which) list.push_back(samples[i]);
  return list;
}

}  // namespace

double log_error(Seconds predicted, const CollectiveSample& sample) { return std::log(predicted / sample.time); }

std::vector<double> log_errors(Samples samples, const SampleModel& model) {
  std::vector<double> logs;
  for (const CollectiveSample& s : samples) logs.push_back(log_error(model(s), s));
  return logs;
}

FitError errors(const std::vector<double>& logs) {
  std::vector<double> signed_errors;
  for (const double e : logs) signed_errors.push_back(std::exp(e) - 1);
  return fit_error(signed_errors);
}

CollectiveSpread spreads(const std::vector<double>& logs, Samples samples) {
  constexpr std::size_t fewest = 10;
  std::array<std::vector<double>, 3> lists;
  std::vector<double> all;
  for (std::size_t i = 0; i < logs.size(); ++i) {
    const double predicted = samples[i].time.value() * std::exp(logs[i]);
    lists[predicted < CollectiveSpread::limits[0]   ? 0U
          : predicted < CollectiveSpread::limits[1] ? 1U
                                                    : 2U]
        .push_back(std::abs(logs[i]));
    all.push_back(std::abs(logs[i]));
  }
  CollectiveSpread spread;
  for (std::size_t r = 0; r < lists.size(); ++r)
    spread.of[r] = quantile(lists[r].size() < fewest ? all : lists[r], 0.8) / ninetieth;
  return spread;
}

std::vector<double> left_out_errors(Samples samples, const SampleFit& fit_model) {
  std::vector<double> sizes;
  for (const CollectiveSample& s : samples) sizes.push_back(s.bytes.value());
  const Folds folds = folds_by(sizes);
  if (folds.groups() == 0) return log_errors(samples, fit_model(samples));
  return predict_left_out(
      folds, [&](std::size_t fold) { return fit_model(select(samples, folds.others(fold))); },
      [&](const SampleModel& model, std::size_t i) { return log_error(model(samples[i]), samples[i]); });
}

}  // namespace forerun
