// What `execute` is asked for, and what stands against it, all of it before anything runs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "executor/execute.hpp"
#include "strategies/simulation/simulation.hpp"

namespace forerun::cli {

struct ExecuteOptions {
  std::vector<std::string> files;
  std::string backend = "cpu", communicator = "threads", routing = "top_k";
  std::vector<std::string> calibrations;
  std::optional<std::string> trace;
  int steps = 0, runs = 0, seed = 1;  // 0: as many as usual
  bool json = false, skips_reference = false;
  Problems problems;  // of the flags

  [[nodiscard]] bool in_turn() const { return files.size() > 1 || runs > 0; }
  [[nodiscard]] bool on_gpus() const { return backend == "cuda"; }
  [[nodiscard]] bool by_nccl() const { return communicator == "nccl"; }
  [[nodiscard]] Routing rows() const { return routing == "balanced" ? Routing::balanced : Routing::top_k; }
};

// One plan: priced on the machine that its file names, or on the one that was profiled.
struct Task {
  std::string name;
  PricedScenario scenario;
  Plan plan;
  Simulation prediction;

  [[nodiscard]] int ranks() const { return gpus(plan); }
};

// Of this machine, that the ranks share.
int processors(const ExecuteOptions&);

// Is there one rank's run to compare the losses with?
bool has_reference(const ExecuteOptions&, const Task&);

// A task a file. Problems: all of the flags, the build, the machine and every file.
Result<std::vector<Task>> read_tasks(const ExecuteOptions&);

// Says first what a long or large run will take.
void announce_run(const ExecuteOptions&, const std::vector<Task>&, int steps, int runs);

// Of plans that need more memory than this machine has: what binds, and what would fit.
Problems memory_problems(const ExecuteOptions&, const std::vector<Task>&);

}  // namespace forerun::cli
