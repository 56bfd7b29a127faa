// One plan as discrete events: level 1 of the fidelity ladder.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "strategies/programs/memory_use.hpp"
#include "strategies/programs/steps/inference/forward_batch.hpp"
#include "strategies/simulation/replay_program.hpp"
#include "strategies/simulation/step_report.hpp"

namespace forerun {

// What can be different from the plan.
struct Disturbances {
  std::uint64_t seed = 1;
  double jitter = 0;  // standard deviation of the logarithm of each task's time; needs every rank
  std::vector<std::pair<int, double>> stragglers;  // rank, factor on its computation
  std::optional<std::pair<int, Seconds>> failure;  // rank, when it stops

  bool operator==(const Disturbances&) const = default;
};

inline constexpr std::size_t simulation_limit = 20'000'000;  // tasks of a plan: about 5 GB and a minute

struct SimulationOptions {
  bool every_rank = false;
  Disturbances disturbances;
  bool detailed = false;  // a task for each instruction, as a trace shows them
};

// What the critical path consists of: `total` is the time from the first task to the last, which is the step where
// stages wait for each other after it.
struct CriticalPath {
  Seconds compute, recompute, optimizer, offload, host, waiting;  // waiting: nothing runs (a delay)
  std::array<Seconds, 5> communication{};  // by Dimension
  [[nodiscard]] Seconds total() const;
};

struct Blocked {
  std::uint32_t role = 0;
  std::string what;  // "stage 1: backward of micro-batch 3"
};

struct Simulation {
  Program program;
  ProgramGraph graph;
  Timeline timeline;
  Seconds step;  // from one to the next; not meaningful where it did not end
  std::vector<RoleReport> roles;  // as in program.roles
  CriticalPath path;
  MemoryUse memory;  // of each stage, the role that holds most
  std::vector<Blocked> blocked;  // after a failure: the first instruction of each role that never ended

  [[nodiscard]] bool complete() const { return timeline.complete; }
};

Simulation simulate(const PricedScenario&, const Plan&, const ScheduleTable&, const SimulationOptions&);

// A forward step; `step` is the time until the last stage is done. The plan and the batch must be valid
// (check_forward).
Simulation simulate_forward(const PricedScenario&, const Plan&, const ForwardBatch&, const SimulationOptions& = {});

}  // namespace forerun
