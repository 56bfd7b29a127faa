#include "validation/training/training_validation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/text.hpp"
#include "strategies/plan/check_plan.hpp"
#include "validation/training/predict_run.hpp"

namespace forerun {
namespace {

// Scenarios already priced: files repeat few of them with many plans.
class PricedScenarios {
 public:
  Result<std::shared_ptr<const ClosedFormContext>> of(const Scenario& s) {
    auto& alike = known_[fmt::format("{} {} {} {} {} {} {}", s.model.name, s.cluster.name, s.gpus, s.stack.name,
                                     s.job.sequence, s.job.global_batch, s.model.blocks.size())];
    for (const auto& context : alike) {
      if (context->scenario.given == s) return context;
    }
    Result<PricedScenario> priced = price(s);
    if (!priced) return fail(priced.error());
    alike.push_back(std::make_shared<const ClosedFormContext>(std::move(*priced)));
    return alike.back();
  }

 private:
  std::map<std::string, std::vector<std::shared_ptr<const ClosedFormContext>>> known_;
};

std::string not_valid(const Problems& problems) {
  std::vector<std::string> reasons;
  for (const Problem& p : problems) reasons.push_back(p.message);
  return "not a valid plan: " + join(reasons, "; ");
}

Bytes as_reported(const MemoryUse& memory, ReportedMemory reported) {
  const Bytes allocated = memory.peak().allocated();
  switch (reported) {
    case ReportedMemory::allocated:
      return allocated;
    case ReportedMemory::reserved:
      return allocated + memory.reserve;
    case ReportedMemory::device:
      return memory.total();
  }
  return allocated;
}

std::string number(const std::optional<int>& n) { return n ? std::to_string(*n) : ""; }

std::string workload_of(const TrainingRow& r) {
  return join({r.source, r.stack, number(r.layers), number(r.hidden), number(r.ffn), number(r.vocab), number(r.seq),
               number(r.global_batch), number(r.gpus), r.gpu, r.dtype, r.tuning},
              "|");
}

std::string plan_of(const TrainingRow& r) {
  return join(
      {number(r.tp), number(r.sp), number(r.pp), number(r.vpp), r.schedule, r.stages, number(r.dp), number(r.cp),
       number(r.ep), number(r.zero), number(r.micro_batch), r.recompute, r.overlap, r.flash_attention},
      "|");
}

class Validator {
 public:
  Validator(RunReader reader, TrainingValidation& result) : reader_(std::move(reader)), result_(result) {}

  void add(const TrainingRow& row) {
    if (unstated(row).empty()) ++result_.stated;
    const ReadRun run = reader_.read(row);
    if (!run.skipped.empty()) return skip(row, run.skipped);
    const auto context = scenarios_.of(run.scenario);
    if (!context) return skip(row, not_valid(context.error()));
    if (const Problems problems = check_plan(run.scenario, run.plan); !problems.empty())
      return skip(row, not_valid(problems));
    if (!row.step_time && !row.peak_memory && !row.out_of_memory) return skip(row, "nothing measured");

    result_.runs.push_back(scored(row, (*context)->scenario, predict(**context, run)));
    result_.assumed += run.assumed.size();
    for (const std::string& column : run.assumed) ++result_.assumed_cells[column];
  }

 private:
  void skip(const TrainingRow& row, std::string reason) { result_.skipped.push_back({row.run_id, std::move(reason)}); }

  static ScoredRun scored(const TrainingRow& row, const PricedScenario& scenario, const Estimate& e) {
    const Stack& stack = scenario.given.stack;
    ScoredRun run{.run_id = row.run_id,
                  .source = row.source,
                  .stack = row.stack,
                  .gpu = row.gpu,
                  .workload = workload_of(row),
                  .plan = plan_of(row)};
    run.sweep = lower(row.source).find("sweep") != std::string::npos;
    run.size = join({row.source, number(row.layers), number(row.hidden), number(row.ffn), number(row.vocab),
                     number(row.gpus), row.gpu},
                    "|");
    run.predicted_time = e.step.median;
    run.low = e.step.low(), run.high = e.step.high(), run.evidence = e.step.evidence;
    run.breakdown = e.breakdown;
    run.measured_time = row.step_time;
    run.predicted_memory = as_reported(e.memory, stack.reported);
    run.measured_memory = row.peak_memory;
    run.memory = e.memory.peak();
    run.predicted_total = e.memory.total();
    run.capacity = e.memory.capacity;
    run.predicted_fits = e.memory.fits();
    if (row.out_of_memory) {
      run.fits = false;
    } else if (row.step_time || row.peak_memory) {
      run.fits = true;
    }
    // Against the 16-bit peak, so that one constant may serve runs of either format: the stronger baseline.
    const Device& device = scenario.device();
    run.predicted_mfu = e.mfu_full_square *
                        (peak(device, scenario.given.job.dtype) / peak(device, activation_dtype(scenario.given.job)));
    return run;
  }

  RunReader reader_;
  TrainingValidation& result_;
  PricedScenarios scenarios_;
};

}  // namespace

Result<TrainingValidation> validate_training(const std::string& csv_path, const Progress& progress) {
  const Result<std::vector<TrainingRow>> rows = read_training_rows(csv_path);
  if (!rows) return fail(rows.error());
  Result<RunReader> reader = RunReader::make();
  if (!reader) return fail(reader.error());

  TrainingValidation result;
  result.rows = rows->size();
  Validator validator(std::move(*reader), result);
  for (std::size_t i = 0; i < rows->size(); ++i) {
    validator.add((*rows)[i]);
    if (progress) progress(i + 1, rows->size());
  }
  score(result);
  return result;
}

}  // namespace forerun
