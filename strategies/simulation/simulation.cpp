#include "strategies/simulation/simulation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "sim/critical_path.hpp"
#include "strategies/plan/scenario.hpp"
#include "strategies/programs/steps/inference/lower_forward.hpp"
#include "strategies/programs/steps/training/lower.hpp"
#include "strategies/simulation/step_report.hpp"

namespace forerun {
namespace {

Disturbance disturbance(const SimulationOptions& options, const Program& program, const ProgramGraph& graph) {
  Disturbance d{.seed = options.disturbances.seed, .jitter = options.disturbances.jitter, .slow = {}, .failure = {}};
  if (const auto& failure = options.disturbances.failure) {
    const std::uint32_t role = program.role_of_rank[static_cast<std::size_t>(failure->first)];
    Failure stopped{.streams = {}, .at = to_ticks(failure->second)};
    for (std::uint32_t lane = 0; lane < lane_count; ++lane)
      stopped.streams.push_back(StreamId{static_cast<std::uint32_t>(graph.first_stream[role]) + lane});
    d.failure = std::move(stopped);
  }
  return d;
}

// Roles of their own for ranks that something happens to.
LowerOptions lowering(const SimulationOptions& options) {
  LowerOptions lower{.every_rank = options.every_rank, .different = {}};
  for (const auto& [rank, factor] : options.disturbances.stragglers) lower.different.push_back(rank);
  if (options.disturbances.failure) lower.different.push_back(options.disturbances.failure->first);
  return lower;
}

std::vector<double> slowdowns(const Program& program, const Disturbances& disturbances) {
  std::vector<double> factors(program.roles.size(), 1.0);
  for (const auto& [rank, factor] : disturbances.stragglers)
    factors[program.role_of_rank[static_cast<std::size_t>(rank)]] = factor;
  return factors;
}

CriticalPath critical(const Simulation& s) {
  CriticalPath path;
  Tick covered = 0;
  for (const TaskId task : critical_path(s.graph.graph, s.timeline)) {
    const Tick begins = s.timeline.start[index(task)], ends = s.timeline.finish[index(task)];
    path.waiting += to_seconds(begins - covered);
    covered = ends;
    const Seconds time = to_seconds(ends - begins);
    const Work* work = work_of(s.program, s.graph.origin[index(task)]);
    if (work == nullptr) {
      path.waiting += time;
    } else if (const Communication* c = std::get_if<Communication>(work)) {
      path.communication[static_cast<std::size_t>(dimension_of(c->flow))] += time;
    } else if (const Computation* k = std::get_if<Computation>(work)) {
      (k->part == Part::recompute ? path.recompute : k->part == Part::update ? path.optimizer : path.compute) += time;
    } else if (std::holds_alternative<FrameworkFloor>(*work)) {
      path.host += time;
    } else if (std::holds_alternative<HostCopy>(*work)) {
      path.offload += time;
    } else {
      path.optimizer += time;
    }
  }
  return path;
}

std::vector<Blocked> blocked(const Simulation& s) {
  std::map<std::uint32_t, TaskId> first;  // of each role
  for (const TaskId task : s.timeline.blocked) {
    const TaskOrigin& origin = s.graph.origin[index(task)];
    const auto [found, fresh] = first.try_emplace(origin.role, task);
    const TaskOrigin& known = s.graph.origin[index(found->second)];
    if (!fresh && std::pair(origin.call, origin.instruction) < std::pair(known.call, known.instruction))
      found->second = task;
  }
  std::vector<Blocked> list;
  for (const auto& [role, task] : first) list.push_back({role, describe(s.program, s.graph.origin[index(task)])});
  return list;
}

// Stages that wait for each other after a step take from its start to its end. Otherwise each begins the next when it
// is done, and was busy with the last one until its first message came; the slowest sets the pace. The last stage needs
// a tied table only when the first one has long begun again.
void settle_step(const Stack& stack, Simulation& s) {
  if (stack.steps_synchronize || !s.complete()) return;
  Seconds longest{0};
  for (const RoleReport& role : s.roles) longest = max(longest, role.done - role.lead - role.late_end);
  for (RoleReport& role : s.roles) {
    role.breakdown.exposed[static_cast<std::size_t>(Dimension::pp)] -= role.late_end;
    role.breakdown.bubble += longest - (s.step - role.late_end);
  }
  s.step = longest;
}

Simulation replay_step(const PricedScenario& scenario, Program program, const SimulationOptions& options) {
  Simulation s;
  s.program = std::move(program);
  s.graph = build_graph(scenario, s.program, options.detailed, slowdowns(s.program, options.disturbances));
  s.timeline = replay(s.graph.graph, disturbance(options, s.program, s.graph));
  std::map<std::uint32_t, ProgramMemory> memory;  // by program
  for (std::uint32_t r = 0; r < s.program.roles.size(); ++r) {
    const std::uint32_t p = s.program.roles[r].program;
    if (!memory.contains(p)) memory[p] = program_memory(s.program.stages[p]);
    s.roles.push_back(report(s.program, s.graph, s.timeline, r));
    s.roles.back().memory = memory[p];
    s.roles.back().in_flight = most_in_flight(s.program.stages[p]);
  }
  s.step = to_seconds(s.timeline.makespan);
  if (s.program.step == StepKind::training) settle_step(scenario.given.stack, s);
  s.memory.stages.resize(static_cast<std::size_t>(s.program.plan.pp));
  s.memory.on_host.resize(s.memory.stages.size());
  for (const RoleReport& role : s.roles) {
    StageMemory& stage = s.memory.stages[static_cast<std::size_t>(role.stage)];
    if (role.memory.peak.allocated() > stage.allocated()) stage = role.memory.peak;
    Bytes& on_host = s.memory.on_host[static_cast<std::size_t>(role.stage)];
    on_host = max(on_host, role.memory.on_host);
  }
  finish(scenario, s.program.plan, s.memory);
  if (s.complete()) {
    s.path = critical(s);
  } else {
    s.blocked = blocked(s);
  }
  return s;
}

}  // namespace

Seconds CriticalPath::total() const {
  return std::accumulate(communication.begin(), communication.end(),
                         compute + recompute + optimizer + offload + host + waiting);
}

Simulation simulate(const PricedScenario& scenario, const Plan& plan, const ScheduleTable& table,
                    const SimulationOptions& options) {
  return replay_step(scenario, lower(scenario, plan, table, lowering(options)), options);
}

Simulation simulate_forward(const PricedScenario& scenario, const Plan& plan, const ForwardBatch& batch,
                            const SimulationOptions& options) {
  return replay_step(scenario, lower_forward(scenario, plan, batch, lowering(options)), options);
}

}  // namespace forerun
