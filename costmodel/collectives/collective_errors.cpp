#include "costmodel/collectives/collective_errors.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "base/quantile.hpp"

namespace forerun {
namespace {

using Samples = std::span<const CollectiveSample>;

}  // namespace

double log_error(Seconds predicted, const CollectiveSample& sample) { return std::log(predicted / sample.time); }

std::vector<double> log_errors(Samples samples, const SampleModel& model) {
  std::vector<double> logs;
  for (const CollectiveSample& s : samples) logs.push_back(log_error(model(s), s));
  return logs;
}

RowErrors errors(const std::vector<double>& logs) {
  if (logs.empty()) return {};
  std::vector<double> sizes;
  for (const double e : logs) sizes.push_back(std::abs(std::exp(e) - 1));
  return {quantile(sizes, 0.5), quantile(sizes, 0.9)};
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

// Sizes are dealt into five folds, each predicted by a fit on the others.
std::vector<double> left_out_errors(Samples samples, const SampleFit& fit_model) {
  constexpr std::size_t folds = 5;
  std::map<double, std::size_t> fold_of;
  for (const CollectiveSample& s : samples) fold_of.emplace(s.bytes.value(), 0);
  std::size_t next = 0;
  for (auto& [bytes, fold] : fold_of) fold = next++ % folds;
  const auto whole = fit_model(samples);
  std::vector<double> logs(samples.size());
  for (std::size_t fold = 0; fold < folds; ++fold) {
    std::vector<CollectiveSample> kept;
    for (const CollectiveSample& s : samples) {
      if (fold_of[s.bytes.value()] != fold) kept.push_back(s);
    }
    const auto model = kept.empty() || kept.size() == samples.size() ? whole : fit_model(kept);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (fold_of[samples[i].bytes.value()] == fold) logs[i] = log_error(model(samples[i]), samples[i]);
    }
  }
  return logs;
}

}  // namespace forerun
