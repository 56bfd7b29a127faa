#include "strategies/simulation/check_order.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "sim/stuck_tasks.hpp"
#include "strategies/plan/scenario.hpp"

namespace forerun {
namespace {

// On its own stage: every pass of a micro-batch once, forward before backward, B before W.
void check_passes(const Program& program, std::uint32_t role, Problems& problems) {
  const StageProgram& stage = program.stages[program.roles[role].program];
  std::map<std::pair<int, std::int32_t>, std::vector<PassKind>> seen;
  for (std::uint32_t n = 0; n < stage.calls.size(); ++n) {
    const Body& body = stage.bodies[stage.calls[n].body];
    if (!body.chunk) continue;
    auto& before = seen[{*body.chunk, stage.calls[n].micro_batch}];
    const auto ran = [&](PassKind kind) { return std::find(before.begin(), before.end(), kind) != before.end(); };
    const auto complain = [&](std::string_view what) {
      problems.push_back({{},
                          fmt::format("stage {}, chunk {}, micro-batch {}: {}", stage.stage, *body.chunk,
                                      stage.calls[n].micro_batch, what),
                          "change the order of its passes"});
    };
    if (ran(body.kind)) complain("a pass runs twice");
    if (body.kind != PassKind::forward && !ran(PassKind::forward)) complain("backward before its forward");
    if (body.kind == PassKind::weight_gradient && !ran(PassKind::input_gradient))
      complain("the weights' gradients before those of the inputs");
    before.push_back(body.kind);
  }
  for (const auto& [pass, kinds] : seen) {
    const bool made = std::find(kinds.begin(), kinds.end(), PassKind::backward) != kinds.end() ||
                      std::find(kinds.begin(), kinds.end(), PassKind::weight_gradient) != kinds.end();
    if (!made && program.step == StepKind::training)
      problems.push_back({{},
                          fmt::format("stage {}, chunk {}, micro-batch {}: no backward makes its gradients",
                                      stage.stage, pass.first, pass.second),
                          "add it"});
  }
}

}  // namespace

Problems check_order(const PricedScenario& scenario, const Program& program) {
  Problems passes;
  for (std::uint32_t role = 0; role < program.roles.size(); ++role) check_passes(program, role, passes);
  ProgramGraph graph = build_graph(scenario, program, true);
  Problems problems = std::move(graph.unmatched);
  problems.insert(problems.end(), passes.begin(), passes.end());
  if (const auto stuck = stuck_tasks(graph.graph)) {
    std::map<std::uint32_t, TaskOrigin> first;
    for (const TaskId task : *stuck) {
      const TaskOrigin& origin = graph.origin[index(task)];
      const auto [found, fresh] = first.try_emplace(origin.role, origin);
      if (!fresh &&
          std::pair(origin.call, origin.instruction) < std::pair(found->second.call, found->second.instruction))
        found->second = origin;
    }
    for (const auto& [role, origin] : first) {
      problems.push_back({{},
                          fmt::format("{} never runs", describe(program, origin)),
                          "the order of sends, receives and collectives waits in a circle"});
    }
  }
  return problems;
}

}  // namespace forerun
