#include "reports/simulation/pipeline_picture.hpp"

#include <algorithm>
#include <cassert>
#include <map>

#include "reports/simulation/busiest_roles.hpp"

namespace forerun {
namespace {

// A stretch of a compute lane.
struct Stretch {
  Tick start = 0, finish = 0;
  PictureCell what;
};

PictureCell cell_of(const Program& program, const TaskOrigin& origin) {
  const StageProgram& stage = program.stages[program.roles[origin.role].program];
  if (origin.call >= stage.calls.size()) return {CellKind::other, 0};
  const Call& call = stage.calls[origin.call];
  const Body& body = stage.bodies[call.body];
  if (!body.chunk) return {CellKind::other, 0};
  const CellKind kind = body.kind == PassKind::forward           ? CellKind::forward
                        : body.kind == PassKind::weight_gradient ? CellKind::weight_gradient
                                                                 : CellKind::backward;
  return {kind, call.micro_batch};
}

std::vector<Stretch> stretches(const Simulation& s, std::uint32_t role) {
  std::vector<Stretch> list;
  for (const ProgramGraph::Step& step : s.graph.steps[role]) {
    const std::size_t task = index(step.task);
    if (s.timeline.start[task] == never) break;
    const bool ends = s.timeline.finish[task] != never;
    list.push_back({s.timeline.start[task], ends ? s.timeline.finish[task] : s.timeline.makespan,
                    ends ? cell_of(s.program, s.graph.origin[task]) : PictureCell{CellKind::stuck, 0}});
  }
  return list;
}

// The time of the median forward pass, without what other roles share in it; `never` where there is none.
Tick median_forward(const Simulation& s, const std::vector<std::uint32_t>& roles) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, Tick> passes;  // by role and call
  for (const std::uint32_t role : roles) {
    for (const ProgramGraph::Step& step : s.graph.steps[role]) {
      const TaskOrigin& origin = s.graph.origin[index(step.task)];
      if (s.timeline.finish[index(step.task)] == never || origin.role != role ||
          cell_of(s.program, origin).kind != CellKind::forward)
        continue;
      passes[{role, origin.call}] += s.timeline.finish[index(step.task)] - s.timeline.start[index(step.task)];
    }
  }
  std::vector<Tick> times;
  for (const auto& [pass, time] : passes) times.push_back(time);
  if (times.empty()) return never;
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  return *middle;
}

Tick last_finish(const Simulation& s, std::uint32_t role) {
  Tick last = 0;
  for (const ProgramGraph::Step& step : s.graph.steps[role]) {
    const Tick finish = s.timeline.finish[index(step.task)];
    if (finish != never) last = std::max(last, finish);
  }
  return last;
}

// After a failure: of each stage, the role that stopped first.
std::vector<std::uint32_t> first_to_stop(const Simulation& s) {
  std::vector<std::uint32_t> first(static_cast<std::size_t>(s.program.plan.pp));
  std::vector<Tick> when(first.size(), never);
  for (std::uint32_t role = 0; role < s.roles.size(); ++role) {
    const auto stage = static_cast<std::size_t>(s.roles[role].stage);
    const Tick last = last_finish(s, role);
    if (last < when[stage]) when[stage] = last, first[stage] = role;
  }
  return first;
}

// What takes most of each column.
std::vector<PictureCell> row(const std::vector<Stretch>& all, Tick from, Tick to, int columns) {
  std::vector<PictureCell> cells;
  auto first = all.begin();
  for (int c = 0; c < columns; ++c) {
    const auto edge = [&](int i) { return from + static_cast<Tick>(static_cast<double>(to - from) * i / columns); };
    const Tick begin = edge(c), end = edge(c + 1);
    while (first != all.end() && first->finish <= begin) ++first;
    std::map<PictureCell, Tick> times;
    Tick idle = end - begin;
    for (auto at = first; at != all.end() && at->start < end; ++at) {
      const Tick time = std::min(end, at->finish) - std::max(begin, at->start);
      times[at->what] += time, idle -= time;
    }
    times[{}] += idle;
    cells.push_back(std::ranges::max_element(times, {}, [](const auto& entry) { return entry.second; })->first);
  }
  return cells;
}

}  // namespace

std::vector<PipelinePicture> pipeline_pictures(const Simulation& s, int columns) {
  assert(columns > 0);
  const std::vector<std::uint32_t> roles = s.complete() ? busiest_of_stages(s) : first_to_stop(s);
  std::vector<std::vector<Stretch>> lanes;
  Tick end = 0;
  for (const std::uint32_t role : roles) {
    lanes.push_back(stretches(s, role));
    end = std::max(end, last_finish(s, role));
  }
  const auto picture = [&](Tick from, Tick to) {
    PipelinePicture p{to_seconds(from), to_seconds(to), {}};
    for (const auto& lane : lanes) p.stages.push_back(row(lane, from, to, columns));
    return p;
  };
  const Tick pass = median_forward(s, roles), all = s.timeline.makespan;
  const Tick window = pass == never ? all : pass * static_cast<Tick>(columns);
  if (window >= all) return {picture(0, all)};
  end = s.complete() ? all : std::clamp(end + window / 4, window, all);
  return {picture(0, window), picture(end - window, end)};
}

}  // namespace forerun
