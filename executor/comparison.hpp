// What was predicted of a run and what happened, side by side.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "executor/execute.hpp"
#include "strategies/simulation/simulation.hpp"

namespace forerun {

struct Compared {
  std::string name;
  double predicted = 0, measured = 0;

  // measured / predicted - 1; nullopt: nothing was predicted.
  [[nodiscard]] std::optional<double> error() const {
    return predicted == 0 ? std::nullopt : std::optional(measured / predicted - 1);
  }
};

struct Comparison {
  Compared step;  // seconds; measured: the median of all steps but the first, or of several runs' medians
  double spread = 0;  // of those steps or runs: (largest - smallest) / median of the middle half
  // seconds of the rank that computes most: computation, what stopped it by dimension, waiting for stages, and the rest
  // of the step (turns on shared cores, ranks that differ, steps that differ from the last): they add up to the step
  std::vector<Compared> time;
  std::vector<Compared> memory;  // bytes at the peak of the rank that holds most, by category
  std::vector<Compared> bytes;  // API bytes of the rank that sends most, by flow
  // Rows that the busiest rank's experts drew over those of equal shares, on which predictions count.
  double expert_skew = 1;
  int cores = 0;  // that the ranks share
  // of those cores, the share that other programs had: above a few percent, times say little
  std::optional<double> others;
};

// `cores`: of this machine (or its GPUs); ranks beyond them take turns, which the step's prediction counts. `runs`:
// steps of several runs, of which `run` is one.
Comparison compare(const Simulation&, const Execution& run, int cores, std::span<const Seconds> runs = {});

// Ranks that share fewer cores than they are: all work of all ranks, the bubble apart, takes at least its share of the
// cores.
Seconds step_on_cores(const Simulation&, int cores);

// In a step, of the rank that sends most, flow by flow.
struct SentTraffic {
  Traffic promised, sent;
};
SentTraffic busiest_traffic(const Program&, const Execution&);

// By how much a loss may differ from that of one rank: fp64 1e-9; fp32 1e-6 of it at the first step, 1e-3 from then on;
// 5e-2 in bf16, and in fp32 with experts, whose choice a rounding may change.
bool agrees(const Scenario&, int step, double loss, double reference);

}  // namespace forerun
