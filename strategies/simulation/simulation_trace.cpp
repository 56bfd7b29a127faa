#include "strategies/simulation/simulation_trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <map>

#include "sim/memory_curve.hpp"
#include "sim/trace/trace_file.hpp"
#include "sim/trace/trace_writer.hpp"
#include "strategies/plan/rank_grid.hpp"
#include "strategies/simulation/step_report.hpp"

namespace forerun {
namespace {

struct Span {
  Tick start = 0, finish = 0;
};

// A task where it is drawn in one role.
struct Drawn {
  TaskId task;
  Lane lane{};
  bool stops = false;

  [[nodiscard]] std::size_t track() const { return 2 * static_cast<std::size_t>(lane) + (stops ? 1 : 0); }
};
constexpr std::size_t track_count = 2 * lane_count;

std::string track_name(std::size_t track) {
  const std::string_view lane = to_string(static_cast<Lane>(track / 2));
  return track % 2 == 0 ? std::string(lane) : fmt::format("{}, computation waits", lane);
}

std::string_view category(const Work& work, bool stops) {
  if (const Computation* c = std::get_if<Computation>(&work))
    return c->part == Part::recompute ? "recompute" : c->part == Part::update ? "optimizer" : "compute";
  if (std::holds_alternative<Communication>(work)) return stops ? "waited for" : "hidden";
  return std::holds_alternative<HostCopy>(work) ? "copy" : "host";
}

class StepTrace {
 public:
  StepTrace(const Simulation& simulation, std::ostream& out, MemoryCounters counters)
      : s_(simulation), out_(out), counters_(counters) {}

  void write() {
    place_tasks();
    for (std::uint32_t role = 0; role < s_.program.roles.size(); ++role) {
      names(role);
      for (const Drawn& drawn : drawn_[role]) slice(role, drawn);
      memory(role);
      links(role);
    }
    arrows();
  }

 private:
  [[nodiscard]] const StageProgram& stage(std::uint32_t role) const {
    return s_.program.stages[s_.program.roles[role].program];
  }
  [[nodiscard]] std::int64_t process(std::uint32_t role) const { return s_.program.roles[role].ranks.front(); }
  [[nodiscard]] TraceTrack track(std::uint32_t role, std::size_t track) const {
    return {process(role), static_cast<std::int64_t>(track) + 1};
  }
  [[nodiscard]] const Instruction* instruction(TaskId task) const {  // null: what a role waits for at its end
    const TaskOrigin& origin = s_.graph.origin[index(task)];
    const StageProgram& program = stage(origin.role);
    return origin.call < program.calls.size()
               ? &program.bodies[program.calls[origin.call].body].instructions[origin.instruction]
               : nullptr;
  }
  // Nothing: it never started, or takes no time. What never ended is drawn up to the last thing that happened.
  [[nodiscard]] std::optional<Span> span(TaskId task) const {
    const Tick start = s_.timeline.start[index(task)],
               finish = std::min(s_.timeline.finish[index(task)], s_.timeline.makespan);
    return start == never || start >= finish ? std::nullopt : std::optional(Span{start, finish});
  }
  [[nodiscard]] Drawn drawn(TaskId task) const {
    return {task, instruction(task)->lane, s_.graph.origin[index(task)].stops};
  }

  // A task is drawn in every role on whose streams it runs, in the order in which they start.
  void place_tasks() {
    drawn_.resize(s_.program.roles.size());
    for (std::uint32_t t = 0; t < s_.graph.graph.size(); ++t) {
      const TaskId task{t};
      if (instruction(task) == nullptr || !span(task)) continue;
      std::optional<std::uint32_t> last;  // a role's streams follow each other
      for (const StreamId stream : s_.graph.graph.streams_of(task)) {
        const auto role = static_cast<std::uint32_t>(index(stream) / lane_count);
        if (last == role) continue;
        last = role;
        drawn_[role].push_back(drawn(task));
      }
    }
    for (std::vector<Drawn>& role : drawn_) {
      std::ranges::sort(role, {}, [this](const Drawn& d) {
        return std::tuple(d.track(), s_.timeline.start[index(d.task)], index(d.task));
      });
    }
  }

  void names(std::uint32_t role) {
    out_.process(process(role), name_of_role(s_.program, role), process(role));
    std::array<bool, track_count> used{};
    for (const Drawn& drawn : drawn_[role]) used[drawn.track()] = true;
    for (std::size_t t = 0; t < track_count; ++t) {
      if (used[t]) out_.track(track(role, t), track_name(t), static_cast<std::int64_t>(t));
    }
  }

  // Of a collective that roles of several stages join, only the role that issued it first is described further than by
  // its bytes.
  void slice(std::uint32_t role, const Drawn& drawn) {
    const TaskOrigin& origin = s_.graph.origin[index(drawn.task)];
    const StageProgram& program = stage(origin.role);
    const Instruction& in = *instruction(drawn.task);
    const Work& work = program.works[in.work];
    const Call& call = program.calls[origin.call];
    const std::optional<int> chunk = program.bodies[call.body].chunk;
    std::vector<TraceArgument> arguments;
    if (chunk && program.stage == stage(role).stage) {
      arguments = {{"layer", std::int64_t{layer_of(program, in)}},
                   {"chunk", std::int64_t{*chunk}},
                   {"micro_batch", std::int64_t{call.micro_batch}}};
    }
    if (const Communication* c = std::get_if<Communication>(&work)) {
      arguments.push_back(
          {"bytes", static_cast<std::int64_t>((static_cast<double>(c->elements) * c->element).value())});
    }
    if (s_.timeline.finish[index(drawn.task)] == never) arguments.push_back({"state", std::string_view("never ends")});
    const Span when = *span(drawn.task);
    out_.slice(
        {track(role, drawn.track()), describe(work), category(work, drawn.stops), when.start, when.finish, arguments});
  }

  // --- counters ------------------------------------------------------------------------------------------------------

  // When what is issued at each position starts: no later than anything that is issued after it.
  [[nodiscard]] std::vector<std::pair<std::uint64_t, Tick>> issues(std::uint32_t role) const {
    std::vector<std::pair<std::uint64_t, Tick>> list;
    for (const Drawn& drawn : drawn_[role]) {
      const TaskOrigin& origin = s_.graph.origin[index(drawn.task)];
      if (origin.role == role && !drawn.stops)
        list.emplace_back(position_of(origin.call, origin.instruction), s_.timeline.start[index(drawn.task)]);
    }
    std::ranges::sort(list);
    for (std::size_t i = list.size(); i-- > 1;) list[i - 1].second = std::min(list[i - 1].second, list[i].second);
    return list;
  }

  void memory_is(std::uint32_t role, Tick at, std::int64_t alive) {
    const std::array values{TraceArgument{"held", static_cast<std::int64_t>(stage(role).held.allocated().value())},
                            TraceArgument{"alive", alive}};
    out_.counter(process(role), "memory (bytes)", at, values);
  }

  void memory(std::uint32_t role) {
    const auto issued = issues(role);
    auto next = issued.begin();
    const std::vector<MemoryCurve::Point> points = memory_curve(stage(role)).points();
    std::int64_t peak = 0, drawn = 0;
    for (const MemoryCurve::Point& point : points) peak = std::max(peak, point.bytes);
    const std::int64_t least = counters_ == MemoryCounters::all ? 1 : std::max<std::int64_t>(1, peak / 100);
    memory_is(role, 0, 0);
    for (const MemoryCurve::Point& point : points) {
      while (next != issued.end() && next->first < point.position) ++next;
      if (next == issued.end() && !s_.complete()) return;
      const bool visible = std::abs(point.bytes - drawn) >= least || point.bytes == peak || &point == &points.back();
      if (!visible || point.bytes == drawn) continue;
      drawn = point.bytes;
      memory_is(role, next == issued.end() ? s_.timeline.makespan : next->second, drawn);
    }
  }

  void links(std::uint32_t role) {
    std::array<std::vector<Span>, lane_count> busy;
    for (const Drawn& drawn : drawn_[role]) {
      if (drawn.lane != Lane::compute) busy[static_cast<std::size_t>(drawn.lane)].push_back(*span(drawn.task));
    }
    for (std::size_t lane = 0; lane < lane_count; ++lane) {
      std::ranges::sort(busy[lane], {}, &Span::start);
      link(role, fmt::format("{} link", to_string(static_cast<Lane>(lane))), busy[lane]);
    }
  }

  void link(std::uint32_t role, const std::string& name, const std::vector<Span>& busy) {
    const auto is = [&](Tick at, std::int64_t value) {
      out_.counter(process(role), name, at, std::array{TraceArgument{"busy", value}});
    };
    for (std::size_t i = 0; i < busy.size();) {
      Tick until = busy[i].finish;
      is(busy[i].start, 1);
      for (++i; i < busy.size() && busy[i].start <= until; ++i) until = std::max(until, busy[i].finish);
      is(until, 0);
    }
  }

  // --- arrows --------------------------------------------------------------------------------------------------------

  [[nodiscard]] std::uint32_t receiver(TaskId send) const {
    const TaskOrigin& origin = s_.graph.origin[index(send)];
    const StageProgram& from = stage(origin.role);
    const Body& body = from.bodies[from.calls[origin.call].body];
    const int rank = s_.program.roles[origin.role].ranks.front() +
                     (*body.to_stage - from.stage) * RankGrid(s_.program.plan).stage_ranks();
    return s_.program.role_of_rank[static_cast<std::size_t>(rank)];
  }

  void arrows() {
    std::map<std::uint32_t, std::pair<Tick, TaskId>> first;  // of each send, what waited for it first
    for (const auto& [send, waited] : s_.graph.messages) {
      if (!span(send) || !span(waited)) continue;
      const std::pair candidate{s_.timeline.start[index(waited)], waited};
      const auto [found, fresh] = first.try_emplace(static_cast<std::uint32_t>(send), candidate);
      if (!fresh) found->second = std::min(found->second, candidate);
    }
    std::uint64_t id = 0;
    for (const auto& [send, waited] : first) {
      const TaskId task{send};
      out_.arrow("message", "message", ++id,
                 {track(s_.graph.origin[send].role, drawn(task).track()), span(task)->finish - 1},
                 {track(receiver(task), drawn(waited.second).track()), waited.first});
    }
  }

  const Simulation& s_;
  TraceWriter out_;
  MemoryCounters counters_;
  std::vector<std::vector<Drawn>> drawn_;  // of each role, by track, then start
};

}  // namespace

std::string ranks_of_role(const Program& program, std::uint32_t role) {
  const std::vector<int>& ranks = program.roles[role].ranks;
  return ranks.size() == 1 ? fmt::format("rank {}", ranks.front())
                           : fmt::format("rank {} (and {} like it)", ranks.front(), ranks.size() - 1);
}

std::string name_of_role(const Program& program, std::uint32_t role) {
  return fmt::format("{}, stage {}", ranks_of_role(program, role), program.stages[program.roles[role].program].stage);
}

void write_trace(const Simulation& simulation, std::ostream& out, MemoryCounters counters) {
  StepTrace(simulation, out, counters).write();
}

Problems save_trace(const Simulation& simulation, const std::string& path, MemoryCounters counters) {
  return save_trace_file(path, [&](std::ostream& out) { write_trace(simulation, out, counters); });
}

}  // namespace forerun
