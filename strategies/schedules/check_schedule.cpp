#include <fmt/format.h>

#include <map>

#include "strategies/plan/chunks.hpp"
#include "strategies/schedules/schedules.hpp"

namespace forerun {
namespace {

std::string name(PassKind kind) {
  switch (kind) {
    case PassKind::forward:
      return "forward";
    case PassKind::backward:
      return "backward";
    case PassKind::input_gradient:
      return "input gradient";
    case PassKind::weight_gradient:
      return "weight gradient";
  }
  return "";
}

// What a stage has done for one micro-batch of one chunk.
struct Progress {
  int forward = 0, input = 0, weight = 0;
};

void check_stage(const ScheduleTable& table, const Plan& plan, int stage, Problems& problems) {
  std::map<std::pair<int, int>, Progress> done;  // chunk, micro-batch
  const auto report = [&](const Pass& pass, const char* what) {
    problems.push_back({{},
                        fmt::format("stage {}: {} of micro-batch {}, chunk {} {}", stage, name(pass.kind),
                                    pass.micro_batch, pass.chunk, what),
                        ""});
  };
  for (const Pass& pass : table.of(stage)) {
    const bool other_way = runs_both_ways(plan) && (pass.chunk == 1) != (pass.micro_batch >= table.micro_batches / 2);
    if (other_way || pass.micro_batch < 0 || pass.micro_batch >= table.micro_batches || pass.chunk < 0 ||
        pass.chunk >= table.chunks_per_stage) {
      report(pass, "does not exist");
      continue;
    }
    Progress& p = done[{pass.chunk, pass.micro_batch}];
    const bool input = pass.kind == PassKind::backward || pass.kind == PassKind::input_gradient;
    const bool weight = pass.kind == PassKind::backward || pass.kind == PassKind::weight_gradient;
    if (input && p.forward == 0) report(pass, "comes before its forward");
    if (pass.kind == PassKind::weight_gradient && p.input == 0) report(pass, "comes before its input gradient");
    if ((pass.kind == PassKind::forward && ++p.forward > 1) || (input && ++p.input > 1) || (weight && ++p.weight > 1))
      report(pass, "runs twice");
  }
  const int half = table.micro_batches / 2;
  for (int chunk = 0; chunk < table.chunks_per_stage; ++chunk) {
    const bool dual = runs_both_ways(plan);
    for (int i = dual && chunk == 1 ? half : 0; i < (dual && chunk == 0 ? half : table.micro_batches); ++i) {
      const Progress& p = done[{chunk, i}];
      if (p.forward == 0) report({i, static_cast<std::int16_t>(chunk), PassKind::forward}, "is missing");
      if (p.input == 0) report({i, static_cast<std::int16_t>(chunk), PassKind::input_gradient}, "is missing");
      if (p.weight == 0) report({i, static_cast<std::int16_t>(chunk), PassKind::weight_gradient}, "is missing");
    }
  }
}

}  // namespace

Problems check_schedule(const ScheduleTable& table, const Plan& plan) {
  Problems problems;
  if (table.stages != plan.pp || table.chunks_per_stage != chunks_per_stage(plan) ||
      std::ssize(table.first) != plan.pp + 1) {
    problems.push_back({{},
                        fmt::format("a table of {} stages and {} chunks a stage for a plan of {} and {}", table.stages,
                                    table.chunks_per_stage, plan.pp, chunks_per_stage(plan)),
                        ""});
    return problems;
  }
  for (int stage = 0; stage < table.stages; ++stage) check_stage(table, plan, stage, problems);
  if (!problems.empty()) return problems;
  // Run it without times: a pass that never becomes ready waits in a circle.
  PassTimes times;
  times.assign(plan.pp, chunks_per_stage(plan));
  std::vector<Seconds> forward, backward, finish;
  std::vector<std::uint32_t> reached;
  run_table(table, plan, times, forward, backward, finish, &reached);
  for (int stage = 0; stage < table.stages; ++stage) {
    const auto passes = table.of(stage);
    const std::uint32_t at = reached[static_cast<std::size_t>(stage)];
    if (at == passes.size()) continue;
    problems.push_back(
        {{},
         fmt::format(
             "stage {}: {} of micro-batch {}, chunk {} never becomes ready: stages wait for each other in a circle",
             stage, name(passes[at].kind), passes[at].micro_batch, passes[at].chunk),
         ""});
  }
  return problems;
}

}  // namespace forerun
