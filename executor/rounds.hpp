// Several plans, each run several times, in turn: what slows the machine for a while slows all of them alike.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "executor/execute.hpp"

namespace forerun {

struct Planned {
  const PricedScenario* scenario = nullptr;
  const Program* program = nullptr;
};

struct Rounds {
  Execution last;             // of the runs; `others` is the median of all
  std::vector<Seconds> runs;  // of each: warm_step()
};

// The median of warm_steps().
Seconds warm_step(const Execution&);

// As many as plans. `progress(share)` after each run. Problems: of the first run that failed.
Result<std::vector<Rounds>> execute_in_turn(std::span<const Planned>, const RunOptions&, int rounds,
                                            const std::function<void(double)>& progress = {});

// The losses of jobs on one rank, which every plan's must equal. A job is trained once, however many plans have it.
class References {
 public:
  explicit References(RunOptions options) : options_(std::move(options)) { options_.record = false; }

  // Of each step; `progress(share)` while it trains.
  Result<std::vector<double>> losses(const PricedScenario&, const Plan&,
                                     const std::function<void(double)>& progress = {});

 private:
  struct Known {
    Scenario given;
    Plan plan;
    std::vector<double> losses;
  };
  RunOptions options_;
  std::vector<Known> known_;
};

}  // namespace forerun
