#include "reports/simulation_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "reports/report.hpp"

namespace forerun {
namespace {

using Json = nlohmann::ordered_json;

Json bytes(Bytes b) { return static_cast<std::int64_t>(b.value()); }

Bytes wire_bytes(const Traffic& traffic) {
  Bytes sum;
  for (std::size_t f = 0; f < flow_count; ++f) sum += traffic[static_cast<Flow>(f)].wire;
  return sum;
}

Json memory_json(const Program& program, std::uint32_t role, const ProgramMemory& memory) {
  Json alive = Json::array();
  for (const auto& [name, size] : memory.alive) alive.push_back({{"name", name}, {"bytes", bytes(size)}});
  return {{"peak", to_json(memory.peak)},
          {"at", describe(program, {role, memory.call, memory.instruction})},
          {"alive", std::move(alive)}};
}

Json roles_json(const Simulation& s) {
  Json list = Json::array();
  for (std::uint32_t r = 0; r < s.roles.size(); ++r) {
    const RoleReport& role = s.roles[r];
    list.push_back({{"stage", role.stage},
                    {"ranks", s.program.roles[r].ranks},
                    {"in_flight", role.in_flight},
                    {"breakdown", s.complete() ? to_json(role.breakdown) : Json()},
                    {"memory", memory_json(s.program, r, role.memory)},
                    {"bytes", to_json(role.traffic)}});
  }
  return list;
}

Json path_json(const CriticalPath& path) {
  Json communication = Json::object();
  for (const Dimension d : all_dimensions)
    communication[std::string(to_string(d))] = path.communication[static_cast<std::size_t>(d)].value();
  return {{"compute_s", path.compute.value()},
          {"recompute_s", path.recompute.value()},
          {"communication_s", std::move(communication)},
          {"optimizer_s", path.optimizer.value()},
          {"host_s", path.host.value()},
          {"waiting_s", path.waiting.value()}};
}

Json disturbances_json(const Disturbances& d) {
  Json stragglers = Json::array();
  for (const auto& [rank, factor] : d.stragglers) stragglers.push_back({{"rank", rank}, {"factor", factor}});
  const Json failure = d.failure ? Json{{"rank", d.failure->first}, {"at_s", d.failure->second.value()}} : Json();
  return {{"seed", d.seed}, {"jitter", d.jitter}, {"stragglers", std::move(stragglers)}, {"failure", failure}};
}

Json blocked_json(const Simulation& s) {
  Json list = Json::array();
  for (const Blocked& blocked : s.blocked)
    list.push_back({{"ranks", s.program.roles[blocked.role].ranks}, {"at", blocked.what}});
  return list;
}

// The first role of the stage for which `amount` is largest.
template <class Amount>
std::uint32_t most_of_stage(const Simulation& s, int stage, Amount amount) {
  std::optional<std::uint32_t> most;
  for (std::uint32_t r = 0; r < s.roles.size(); ++r) {
    if (s.roles[r].stage == stage && (!most || amount(r) > amount(*most))) most = r;
  }
  return most.value();
}

}  // namespace

SimulatedFigures figures(const Estimate& closed_form, Seconds step) {
  const double ratio = step / closed_form.step.median;
  return {closed_form.tokens_per_second / ratio, closed_form.mfu / ratio, closed_form.hfu / ratio, ratio - 1};
}

Seconds busy(const Simulation& s, std::uint32_t role) { return s.step - s.roles[role].breakdown.bubble; }

std::vector<std::uint32_t> busiest_of_stages(const Simulation& s) {
  std::vector<std::uint32_t> busiest;
  for (int stage = 0; stage < s.program.plan.pp; ++stage)
    busiest.push_back(most_of_stage(s, stage, [&](std::uint32_t r) { return busy(s, r); }));
  return busiest;
}

std::uint32_t fullest_of_stage(const Simulation& s, int stage) {
  return most_of_stage(s, stage, [&](std::uint32_t r) { return s.roles[r].memory.peak.allocated(); });
}

bool has_weight_passes(const Program& program) {
  return std::ranges::any_of(program.stages, [](const StageProgram& stage) {
    return std::ranges::any_of(stage.bodies,
                               [](const Body& body) { return body.chunk && body.kind == PassKind::weight_gradient; });
  });
}

std::uint32_t busiest(const Simulation& s) {
  const std::vector<std::uint32_t> roles = busiest_of_stages(s);
  return *std::ranges::max_element(roles, {}, [&](std::uint32_t role) { return busy(s, role); });
}

std::uint32_t sends_most(const Simulation& s) {
  const auto most =
      std::ranges::max_element(s.roles, {}, [](const RoleReport& role) { return wire_bytes(role.traffic); });
  return static_cast<std::uint32_t>(most - s.roles.begin());
}

Json to_json(const Estimate& closed_form, const Simulation& s, const Disturbances& disturbances) {
  const SimulatedFigures f = figures(closed_form, s.step);
  const auto known = [&](double value) { return s.complete() ? Json(value) : Json(); };
  return {{"complete", s.complete()},
          {"step_time_s", known(s.step.value())},
          {"tokens_per_s", known(f.tokens_per_second)},
          {"mfu", known(f.mfu)},
          {"hfu", known(f.hfu)},
          {"closed_form",
           {{"step_time_s", closed_form.step.median.value()},
            {"low", closed_form.step.low().value()},
            {"high", closed_form.step.high().value()},
            {"difference", known(f.difference)}}},
          {"disturbances", disturbances_json(disturbances)},
          {"tasks", s.graph.graph.size()},
          {"critical_path", s.complete() ? path_json(s.path) : Json()},
          {"memory", to_json(s.memory)},
          {"bytes", to_json(s.roles[sends_most(s)].traffic)},
          {"roles", roles_json(s)},
          {"blocked", blocked_json(s)}};
}

}  // namespace forerun
