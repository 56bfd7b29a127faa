// Predictions of measured training runs, scored: `forerun validate training FILE.csv`.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/quantity.hpp"
#include "base/result.hpp"
#include "costmodel/fitting/errors.hpp"
#include "strategies/closed_form/estimate.hpp"

namespace forerun {

// Of runs that the stacks which predict them never saw.
struct LeftOutScore {
  double mape = 0;
  std::size_t n = 0;
};

struct NamedErrors {
  std::string name;
  ErrorSummary errors;
  // of times only: the mape of the best single MFU per source and GPU, fitted to the very rows
  std::optional<double> constant_mfu;
  std::optional<double> in_band;       // of times only: share of runs inside their 80 % band
  // Errors of times by source, where asked for, with stacks fitted to other sources' runs of other models alone.
  std::optional<LeftOutScore> left_out;
  // of times in sweeps: agreement of orders within equal model and device count (mean over pairs)
  std::optional<double> kendall_tau;
};

struct SkippedRun {
  std::string run_id, reason;
};

// One run that was predicted.
struct ScoredRun {
  std::string run_id, source, stack, gpu;
  std::string workload, plan;  // what was to be done; how (runs of equal workload compare plans)
  std::string size;  // model and device count
  bool sweep = false;  // of a sweep, where absolute errors say little (see measured/README.md)
  Seconds predicted_time, low, high;  // the median and its 80 % band
  Evidence evidence = Evidence::datasheet;
  Breakdown breakdown;
  std::optional<Seconds> measured_time;
  Bytes predicted_memory;  // as the source reports memory
  std::optional<Bytes> measured_memory;
  StageMemory memory;  // predicted, of the stage that holds most
  Bytes predicted_total, capacity;  // reserve and context included
  bool predicted_fits = true;
  std::optional<bool> fits;  // what happened; nullopt: not known
  double predicted_mfu = 0;  // model FLOPs, attention over the full square as sources count it, over the 16-bit peak
};

// Runs that ran out of memory though predicted to fit with more than a tenth of the capacity free, and runs that ran
// though predicted not to fit.
struct FitScore {
  std::size_t failed = 0, false_fits = 0;  // outside sweeps
  // In sweeps; crashes are those predicted below 70 % of the capacity, which lacked no memory.
  std::size_t sweep_failed = 0, suspected_crashes = 0;
  std::size_t sweep_false_fits = 0;  // of the rest
  std::size_t ran = 0, false_ooms = 0;  // everywhere
};

// Measured time of the plan predicted fastest over the best measured, minus one; over groups of at least 3 plans of one
// workload.
struct RegretScore {
  std::string name;  // of the source
  std::size_t workloads = 0;
  double mean = 0, max = 0;
};

struct TrainingValidation {
  std::size_t rows = 0, stated = 0, scored = 0;
  std::size_t assumed = 0;  // cells that the scored rows left empty or that were not recognised
  std::map<std::string, std::size_t> assumed_cells;  // of them, by column
  std::vector<SkippedRun> skipped;
  std::vector<NamedErrors> by_source, by_stack;  // of times, sorted by name
  std::optional<double> mean_over_sources;  // of their mape; sources with at least 5 times, sweeps apart; nullopt: none
  std::optional<double> left_out_over_sources;  // the same of left_out
  std::vector<NamedErrors> memory_by_source;
  NamedErrors memory_overall;  // sweeps apart
  std::optional<double> memory_mean_over_sources;  // as of times
  FitScore fit;
  RegretScore regret;  // sweeps apart
  std::vector<RegretScore> regret_by_source;
  std::vector<ScoredRun> runs;  // in the order of the file
};

using Progress = std::function<void(std::size_t done, std::size_t total)>;

// Problems: what read_training_rows reports.
Result<TrainingValidation> validate_training(const std::string& csv_path, const Progress& progress = {});

// The mape of each source with stacks that never saw it nor its models: refitted, by the parameters that their record
// asks for, to other sources' runs of models of other shape, or as stated without any fit where there are none.
// `validation` must be of the same file.
Result<void> leave_sources_out(TrainingValidation& validation, const std::string& csv_path,
                               const Progress& progress = {});

// The scores of runs already predicted (fills everything from by_source on).
void score(TrainingValidation&);

}  // namespace forerun
