// A Program run for real by all its ranks, threads of this process or processes of MPI, and what came out.
#pragma once

#include <functional>
#include <optional>

#include "base/result.hpp"
#include "executor/ranks/rank_report.hpp"
#include "executor/ranks/run_options.hpp"
#include "strategies/plan/scenario.hpp"

namespace forerun {

struct Execution {
  std::vector<double> losses;     // of each step: the mean over all its tokens
  std::vector<Seconds> steps;     // the slowest rank's
  std::vector<RankReport> ranks;  // of a process: itself
  // Of this process at its peak, all its ranks and the program together.
  std::optional<Bytes> resident;
  std::optional<double> others;  // share of this machine's cores that other programs had meanwhile; not of processes
};

// `after_step(step, loss)`: on rank 0, for progress. Ranks are threads. Problems: a rank that failed, with the
// instruction at which it did.
Result<Execution> execute(const PricedScenario&, const Program&, const RunOptions&,
                          const std::function<void(int, double)>& after_step = {});
// As one of the processes that mpirun started; what is complete is on rank 0 alone.
Execution execute_as(Communicator& world, const PricedScenario&, const Program&, const RunOptions&,
                     const std::function<void(int, double)>& after_step = {});

// In seconds: all steps but the first, which finds its memory untouched; where there is one alone, that.
std::vector<double> warm_steps(const Execution&);

// What the Program promises that a rank sends in a step.
Traffic promised_traffic(const Program&, int rank);

// The same model on one device: what every plan's losses must equal.
Plan one_rank(const Plan&);

}  // namespace forerun
