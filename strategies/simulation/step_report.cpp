#include "strategies/simulation/step_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace forerun {
namespace {

Dimension dimension_of(Lane lane) {
  switch (lane) {
    case Lane::tp:
      return Dimension::tp;
    case Lane::cp:
      return Dimension::cp;
    case Lane::ep:
      return Dimension::ep;
    case Lane::dp:
      return Dimension::dp;
    default:
      return Dimension::pp;
  }
}

struct Totals {
  Tick compute = 0, recompute = 0, optimizer = 0, host = 0;
  std::array<Tick, 5> communication{};
};

// Of one run of a body.
void add(const StageProgram& stage, const std::vector<WorkPrice>& prices, const Body& body, double slowdown,
         Totals& sum) {
  for (const Instruction& in : body.instructions) {
    if (in.code != Code::run) continue;
    const Tick time = to_ticks(prices[in.work].time);
    const Work& work = stage.works[in.work];
    if (const Computation* k = std::get_if<Computation>(&work)) {
      (k->part == Part::recompute ? sum.recompute
       : k->part == Part::update  ? sum.optimizer
                                  : sum.compute) += slowed(time, slowdown);
    } else if (const Communication* c = std::get_if<Communication>(&work)) {
      sum.communication[static_cast<std::size_t>(dimension_of(c->flow))] += time;
    } else if (std::holds_alternative<FrameworkFloor>(work)) {
      sum.host += time;
    } else if (std::holds_alternative<HostUpdate>(work)) {
      sum.optimizer += time;
    }
  }
}

class Reporter {
 public:
  Reporter(const Program& program, const ProgramGraph& graph, const Timeline& timeline, std::uint32_t role)
      : program_(program),
        graph_(graph),
        timeline_(timeline),
        role_(role),
        stage_(program.stages[program.roles[role].program]) {}

  RoleReport run() {
    RoleReport r;
    r.stage = stage_.stage;
    count(r);
    gaps(r.breakdown);
    r.done = done_, r.lead = lead_, r.late_end = late_end_;
    for (std::size_t d = 0; d < 5; ++d) {
      const Seconds all = to_seconds(totals_.communication[d]), hidden = all - r.breakdown.exposed[d];
      r.breakdown.hidden[d] = hidden > 1e-9 * all ? hidden : Seconds{0};  // below that it is rounding
    }
    return r;
  }

 private:
  void count(RoleReport& r) {
    std::vector<int> calls(stage_.bodies.size());
    for (const Call& call : stage_.calls) ++calls[call.body];
    for (std::size_t b = 0; b < stage_.bodies.size(); ++b) {
      Totals once;
      add(stage_, graph_.prices[role_], stage_.bodies[b], graph_.slowdown[role_], once);
      const auto n = static_cast<Tick>(calls[b]);
      totals_.compute += n * once.compute, totals_.recompute += n * once.recompute,
          totals_.optimizer += n * once.optimizer, totals_.host += n * once.host;
      for (std::size_t d = 0; d < 5; ++d) totals_.communication[d] += n * once.communication[d];
      for (const Instruction& in : stage_.bodies[b].instructions) {
        if (in.code != Code::run) continue;
        const Communication* c = std::get_if<Communication>(&stage_.works[in.work]);
        if (c == nullptr) continue;
        count_traffic(*c, program_.plan, calls[b], r.traffic);
      }
    }
    r.breakdown.compute = to_seconds(totals_.compute);
    r.breakdown.recompute = to_seconds(totals_.recompute);
    r.breakdown.optimizer = to_seconds(totals_.optimizer);
    r.breakdown.host = to_seconds(totals_.host);
  }

  // What the compute lane did beside computing at full rate.
  void gaps(Breakdown& b) {
    Tick free = 0;
    Dimension beside = Dimension::dp;  // what slows a computation: the communication that was waited for next
    const auto& steps = graph_.steps[role_];
    std::vector<Dimension> slows(steps.size(), Dimension::dp);
    for (std::size_t i = steps.size(); i-- > 0;) {
      slows[i] = beside;
      for (std::uint32_t w = 0; w < steps[i].waits; ++w) {
        const Lane lane = graph_.waits[steps[i].first_wait + w].lane;
        if (lane < Lane::pp_forward) beside = dimension_of(lane);
      }
    }
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const std::size_t t = index(steps[i].task);
      if (timeline_.finish[t] == never) break;
      gap(b, steps[i], timeline_.start[t] - free);
      if (steps[i].messages && !received_)
        received_ = true,
        lead_ = stage_.calls.size() > 1 && starts_with_message() ? to_seconds(timeline_.start[t] - free) : Seconds{0};
      const Tick took = timeline_.finish[t] - timeline_.start[t];
      const TaskOrigin& origin = graph_.origin[t];
      const Work* work = work_of(program_, origin);
      const Communication* c = work == nullptr ? nullptr : std::get_if<Communication>(work);
      if (c != nullptr) {
        b.exposed[static_cast<std::size_t>(dimension_of(c->flow))] += to_seconds(took);
      } else if (took > graph_.graph.work[t]) {
        b.exposed[static_cast<std::size_t>(slows[i])] += to_seconds(took - graph_.graph.work[t]);
      }
      free = timeline_.finish[t];
    }
    done_ = to_seconds(free);
    b.bubble += to_seconds(timeline_.makespan - free);
  }

  // Whether the first pass waits for another stage.
  [[nodiscard]] bool starts_with_message() const { return stage_.bodies[stage_.calls[1].body].from_stage.has_value(); }

  // The last of what a step waited for made the gap before it; where it waited for none of its own, another rank of a
  // collective came late.
  void gap(Breakdown& b, const ProgramGraph::Step& step, Tick length) {
    if (length == 0) return;
    Tick latest = 0;
    std::optional<Lane> who;
    for (std::uint32_t w = 0; w < step.waits; ++w) {
      const auto& wait = graph_.waits[step.first_wait + w];
      const Tick finish = timeline_.finish[index(wait.task)];
      if (finish != never && finish > latest) latest = finish, who = wait.lane;
    }
    if (who && latest == timeline_.start[index(step.task)]) {
      if (*who == Lane::to_host || *who == Lane::from_host) {
        b.offload += to_seconds(length);
      } else if (*who == Lane::pp_forward || *who == Lane::pp_backward) {
        b.bubble += to_seconds(length);
      } else {
        b.exposed[static_cast<std::size_t>(dimension_of(*who))] += to_seconds(length);
      }
      return;
    }
    const Work* work = work_of(program_, graph_.origin[index(step.task)]);
    const Communication* c = work == nullptr ? nullptr : std::get_if<Communication>(work);
    if (c != nullptr && c->group == GroupKind::ends) late_end_ += to_seconds(length);
    if (c != nullptr && c->group != GroupKind::next_stage) {
      b.exposed[static_cast<std::size_t>(dimension_of(c->flow))] += to_seconds(length);
    } else {
      b.bubble += to_seconds(length);
    }
  }

  const Program& program_;
  const ProgramGraph& graph_;
  const Timeline& timeline_;
  std::uint32_t role_;
  const StageProgram& stage_;
  Totals totals_;
  Seconds done_, lead_, late_end_;
  bool received_ = false;
};

}  // namespace

const Work* work_of(const Program& program, const TaskOrigin& origin) {
  const StageProgram& stage = program.stages[program.roles[origin.role].program];
  if (origin.call >= stage.calls.size()) return nullptr;
  const Instruction& in = stage.bodies[stage.calls[origin.call].body].instructions[origin.instruction];
  return in.code == Code::run ? &stage.works[in.work] : nullptr;
}

RoleReport report(const Program& program, const ProgramGraph& graph, const Timeline& timeline, std::uint32_t role) {
  return Reporter(program, graph, timeline, role).run();
}

}  // namespace forerun
