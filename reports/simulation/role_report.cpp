#include "reports/simulation/role_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/table.hpp"
#include "base/units.hpp"
#include "reports/breakdown_report.hpp"
#include "reports/json_text.hpp"
#include "reports/memory_report.hpp"
#include "reports/simulation/busiest_roles.hpp"
#include "reports/simulation/shown_stages.hpp"
#include "reports/traffic_report.hpp"
#include "strategies/plan/chunks.hpp"
#include "strategies/simulation/simulation_trace.hpp"

namespace forerun {
namespace {

using Json = nlohmann::ordered_json;

std::string in_flight_legend(const Plan& plan) {
  return fmt::format("in flight: {} with activations\n",
                     chunks_per_stage(plan) > 1 ? "pairs (micro-batch, chunk)" : "micro-batches");
}

Json memory_json(const Program& program, std::uint32_t role, const ProgramMemory& memory) {
  Json alive = Json::array();
  for (const auto& [name, size] : memory.alive) alive.push_back({{"name", name}, {"bytes", whole_bytes(size)}});
  return {{"peak", to_json(memory.peak)},
          {"at", describe(program, {role, memory.call, memory.instruction})},
          {"alive", std::move(alive)}};
}

}  // namespace

std::string stage_times(const Simulation& s, int width) {
  const std::vector<std::uint32_t> roles = busiest_of_stages(s);
  std::vector<const Breakdown*> breakdowns;
  for (const std::uint32_t r : roles) breakdowns.push_back(&s.roles[r].breakdown);
  const std::vector<TimeCategory> used = waited_for(breakdowns);
  std::vector<Table::Column> columns{{"stage"}, {"ranks like it", Align::right, 9}};
  for (std::size_t i = 0; i < used.size(); ++i)
    columns.push_back({std::string(used[i].name), Align::right, static_cast<int>(i)});
  Table table(std::move(columns));
  for (const std::uint32_t r : shown_stages(roles)) {
    std::vector<std::string> cells{fmt::format("{}", s.roles[r].stage),
                                   fmt::format("{}", s.program.roles[r].ranks.size())};
    for (const TimeCategory& category : used) cells.push_back(format(category.exposed(s.roles[r].breakdown)));
    table.row(std::move(cells));
  }
  return table.text(width) + not_shown(roles.size());
}

std::string stage_memory(const Simulation& s, int width) {
  const bool pipeline = s.program.plan.pp > 1;
  std::vector<Table::Column> columns{
      {"stage"}, {"held"}, {"comes and goes", Align::right, 1}, {"at the peak"}, {"largest then", Align::left}};
  if (pipeline) columns.insert(columns.begin() + 1, {"in flight"});
  Table table(std::move(columns));
  const std::vector<std::uint32_t> fullest = fullest_of_stages(s);
  for (const std::uint32_t r : shown_stages(fullest)) {
    const ProgramMemory& memory = s.roles[r].memory;
    const Bytes held = s.program.stages[s.program.roles[r].program].held.allocated(), all = memory.peak.allocated();
    std::string largest;
    for (std::size_t i = 0; i < std::min<std::size_t>(4, memory.alive.size()); ++i) {
      largest += fmt::format("{}{} {}", i == 0 ? "" : ", ", memory.alive[i].first, format(memory.alive[i].second));
    }
    std::vector<std::string> cells{fmt::format("{}", s.roles[r].stage), format(held), format(all - held), format(all),
                                   largest};
    if (pipeline) cells.insert(cells.begin() + 1, fmt::format("{}", s.roles[r].in_flight));
    table.row(std::move(cells));
  }
  const MemoryUse& m = s.memory;
  return table.text(width) + not_shown(fullest.size()) + (pipeline ? in_flight_legend(s.program.plan) : "") +
         fmt::format("\nstage {}: {} allocated, {} reserved over it, {} outside the allocator: {} of {}\n",
                     m.peak_stage, format(m.peak().allocated()), format(m.reserve), format(m.context),
                     format(m.total()), format(m.capacity));
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

std::string blocked_text(const Simulation& s) {
  std::string text = "Who is blocked where, a line a role:\n";
  constexpr std::size_t most = 40;
  for (std::size_t i = 0; i < std::min(most, s.blocked.size()); ++i)
    text += fmt::format("  {}: {}\n", ranks_of_role(s.program, s.blocked[i].role), s.blocked[i].what);
  return text +
         (s.blocked.size() > most ? fmt::format("  and {} more (--json has them)\n", s.blocked.size() - most) : "");
}

Json blocked_json(const Simulation& s) {
  Json list = Json::array();
  for (const Blocked& blocked : s.blocked)
    list.push_back({{"ranks", s.program.roles[blocked.role].ranks}, {"at", blocked.what}});
  return list;
}

}  // namespace forerun
