#include "reports/simulation/simulation_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "reports/breakdown_report.hpp"
#include "reports/estimate_report.hpp"
#include "reports/json_text.hpp"
#include "reports/memory_report.hpp"
#include "reports/scenario_report.hpp"
#include "reports/simulation/busiest_roles.hpp"
#include "reports/simulation/critical_path_report.hpp"
#include "reports/simulation/pipeline_text.hpp"
#include "reports/simulation/role_report.hpp"
#include "reports/traffic_report.hpp"
#include "strategies/simulation/simulation_trace.hpp"

namespace forerun {
namespace {

using Json = nlohmann::ordered_json;

std::string disturbance_text(const Disturbances& d) {
  std::string text;
  if (d.jitter > 0) text += fmt::format("jitter {} with seed {}\n", d.jitter, d.seed);
  for (const auto& [rank, factor] : d.stragglers)
    text += fmt::format("rank {} computes {} times as long\n", rank, factor);
  if (d.failure) text += fmt::format("rank {} stops at {}\n", d.failure->first, format(d.failure->second));
  return text;
}

std::string figures_text(const SimulationAnswer& answer) {
  const Simulation& s = answer.simulation;
  const Estimate& closed_form = answer.closed_form;
  std::string text = disturbance_text(answer.disturbances);
  const std::string size = fmt::format("{} ranks in {} roles, {} tasks\n", s.program.role_of_rank.size(),
                                       s.program.roles.size(), s.graph.graph.size());
  if (!s.complete())
    return text +
           fmt::format("the step never ends: nothing moves after {}\n", format(to_seconds(s.timeline.makespan))) + size;
  const SimulatedFigures f = figures(closed_form, s.step);
  text += step_line(format(s.step), f, s.roles[busiest(s)].breakdown.recompute > Seconds{0});
  if (f.cost)
    text += fmt::format("cost {} a step, {} a billion tokens\n", format(*f.cost),
                        format(per_billion_tokens(*f.cost, closed_form)));
  return text + fmt::format("closed form {}: simulated {:+.1f} %\n", band(closed_form.step), 100 * f.difference) + size;
}

// The pipeline, a row a stage; without one, the categories of a step as a bar.
std::string picture(const Simulation& s, int width, bool colours) {
  if (s.program.plan.pp > 1) return pipeline_text(s, width, colours);
  return s.complete() ? bar(s.roles[busiest(s)].breakdown, width) : "";
}

// Where the time of a step that ended went.
std::string time_text(const Simulation& s, int width) {
  const std::uint32_t role = busiest(s);
  std::string text = fmt::format("Where the time of {} went:\n{}\n", name_of_role(s.program, role),
                                 breakdown_table(s.roles[role].breakdown, s.step, "simulated", width));
  if (s.program.plan.pp > 1)
    text += "The busiest rank of each stage (communication: what it waited for):\n" + stage_times(s, width) + "\n";
  return text + critical_path_table(s.path, width) + "\n";
}

Json disturbances_json(const Disturbances& d) {
  Json stragglers = Json::array();
  for (const auto& [rank, factor] : d.stragglers) stragglers.push_back({{"rank", rank}, {"factor", factor}});
  const Json failure = d.failure ? Json{{"rank", d.failure->first}, {"at_s", d.failure->second.value()}} : Json();
  return {{"seed", d.seed}, {"jitter", d.jitter}, {"stragglers", std::move(stragglers)}, {"failure", failure}};
}

Json figures_json(const SimulationAnswer& answer) {
  const Simulation& s = answer.simulation;
  const Estimate& closed_form = answer.closed_form;
  const SimulatedFigures f = figures(closed_form, s.step);
  const auto known = [&](double value) { return s.complete() ? Json(value) : Json(); };
  return {{"complete", s.complete()},
          {"step_time_s", known(s.step.value())},
          {"tokens_per_s", known(f.tokens_per_second)},
          {"mfu", known(f.mfu)},
          {"mfu_full_square", known(f.mfu_full_square)},
          {"hfu", known(f.hfu)},
          {"cost_usd", f.cost ? known(f.cost->value()) : Json()},
          {"closed_form",
           {{"step_time_s", closed_form.step.median.value()},
            {"low", closed_form.step.low().value()},
            {"high", closed_form.step.high().value()},
            {"difference", known(f.difference)}}},
          {"disturbances", disturbances_json(answer.disturbances)},
          {"tasks", s.graph.graph.size()},
          {"critical_path", s.complete() ? to_json(s.path) : Json()},
          {"memory", to_json(s.memory)},
          {"bytes", to_json(s.roles[sends_most(s)].traffic)},
          {"roles", roles_json(s)},
          {"blocked", blocked_json(s)}};
}

}  // namespace

std::string to_text(const SimulationAnswer& answer, int width, bool colours) {
  const Simulation& s = answer.simulation;
  std::string text = headline(answer.scenario.given, s.program.plan) + figures_text(answer) + "\n";
  if (!s.complete()) text += blocked_text(s) + "\n";
  if (const std::string drawn = picture(s, width, colours); !drawn.empty()) text += drawn + "\n";
  if (s.complete()) text += time_text(s, width);
  text += stage_memory(s, width) + "\n" + traffic_table(s.roles[sends_most(s)].traffic, width) + "\n";
  return text + sources(answer.scenario);
}

std::string json_text(const SimulationAnswer& answer) {
  Json json = headline_json(answer.scenario.given, answer.simulation.program.plan);
  json.update(figures_json(answer));
  add_sources(json, answer.scenario);
  add_no_fit(json, answer.simulation.memory, answer.would_fit);
  return indented(json);
}

}  // namespace forerun
