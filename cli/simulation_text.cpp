#include "cli/simulation_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/table.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/common.hpp"
#include "reports/pipeline_picture.hpp"
#include "reports/simulation_report.hpp"
#include "strategies/plan/chunks.hpp"
#include "strategies/simulation/simulation_trace.hpp"

namespace forerun::cli {
namespace {

constexpr std::size_t most_stages = 16;  // in a table or picture

// Of many stages the first and the last ones.
std::vector<std::uint32_t> shown(const std::vector<std::uint32_t>& all) {
  if (all.size() <= most_stages) return all;
  std::vector<std::uint32_t> some(all.begin(), all.begin() + most_stages / 2);
  some.insert(some.end(), all.end() - most_stages / 2, all.end());
  return some;
}

std::string not_shown(std::size_t all) {
  return all <= most_stages ? "" : fmt::format("not shown: {} stages between (--json has them)\n", all - most_stages);
}

std::string disturbance_text(const Disturbances& d) {
  std::string text;
  if (d.jitter > 0) text += fmt::format("jitter {} with seed {}\n", d.jitter, d.seed);
  for (const auto& [rank, factor] : d.stragglers)
    text += fmt::format("rank {} computes {} times as long\n", rank, factor);
  if (d.failure) text += fmt::format("rank {} stops at {}\n", d.failure->first, format(d.failure->second));
  return text;
}

// --- pictures --------------------------------------------------------------------------------------------------------

char mark(const PictureCell& cell) {
  const auto digit = static_cast<char>(cell.micro_batch % 10);
  switch (cell.kind) {
    case CellKind::idle:
      return '.';
    case CellKind::forward:
      return static_cast<char>('0' + digit);
    case CellKind::backward:
      return static_cast<char>('a' + digit);
    case CellKind::weight_gradient:
      return 'w';
    case CellKind::other:
      return '+';
    case CellKind::stuck:
      return 'x';
  }
  return '?';
}

const char* colour(CellKind kind) {
  switch (kind) {
    case CellKind::forward:
      return "\033[36m";
    case CellKind::backward:
      return "\033[33m";
    case CellKind::weight_gradient:
      return "\033[35m";
    case CellKind::stuck:
      return "\033[31m";
    default:
      return "\033[0m";
  }
}

std::string cells_text(const std::vector<PictureCell>& cells, bool colours) {
  std::string text;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (colours && (i == 0 || cells[i].kind != cells[i - 1].kind)) text += colour(cells[i].kind);
    text += mark(cells[i]);
  }
  return text + (colours ? "\033[0m" : "");
}

std::string pipeline_text(const Simulation& s, int width, bool colours) {
  constexpr int label = 10;
  std::string text;
  std::vector<std::uint32_t> stages;
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(s.program.plan.pp); ++i) stages.push_back(i);
  for (const PipelinePicture& p : pipeline_pictures(s, std::clamp(width, 30, 110) - label)) {
    text += fmt::format("{} to {}:\n", p.from > Seconds{0} ? format(p.from) : "0", format(p.to));
    for (const std::uint32_t stage : shown(stages))
      text += fmt::format("{:<{}}{}\n", fmt::format("stage {}", stage), label, cells_text(p.stages[stage], colours));
  }
  text += not_shown(stages.size());
  text += "0-9 forward, a-j backward (the micro-batch's last digit; a is 0), ";
  if (has_weight_passes(s.program)) text += "w weight gradients, ";
  return text + "+ before and after the passes, . waiting" + (s.complete() ? "\n" : ", x stopped\n");
}

struct Category {
  char mark;
  std::string name;
  Seconds time;
};

std::vector<Category> categories(const Breakdown& b) {
  std::vector<Category> all{{'#', "compute", b.compute}, {'r', "recompute", b.recompute}};
  for (const Dimension d : all_dimensions)
    all.push_back({to_string(d).front(), fmt::format("{} communication", to_string(d)), b.exposed_in(d)});
  all.insert(all.end(), {{'.', "waiting", b.bubble},
                         {'o', "optimizer", b.optimizer},
                         {'f', "offload", b.offload},
                         {'h', "host", b.host}});
  std::erase_if(all, [](const Category& c) { return c.time <= Seconds{0}; });
  return all;
}

// Shares of the step, not their order in time.
std::string bar(const Breakdown& b, int width) {
  const std::vector<Category> all = categories(b);
  std::string text, legend;
  Seconds until;
  for (const Category& c : all) {
    until += c.time;
    const auto end = static_cast<std::size_t>(std::lround(until / b.total() * std::clamp(width, 30, 100)));
    text.append(end - std::min(end, text.size()), c.mark);
    legend += fmt::format("{}{} {}", legend.empty() ? "" : ", ", c.mark, c.name);
  }
  return text + "\n" + legend + "\n";
}

std::string in_flight_legend(const Plan& plan) {
  return fmt::format("in flight: {} with activations\n",
                     chunks_per_stage(plan) > 1 ? "pairs (micro-batch, chunk)" : "micro-batches");
}

}  // namespace

std::string figures_text(const Estimate& closed_form, const Simulation& s, const Disturbances& d) {
  std::string text = disturbance_text(d);
  const std::string size = fmt::format("{} ranks in {} roles, {} tasks\n", s.program.role_of_rank.size(),
                                       s.program.roles.size(), s.graph.graph.size());
  if (!s.complete())
    return text +
           fmt::format("the step never ends: nothing moves after {}\n", format(to_seconds(s.timeline.makespan))) + size;
  const SimulatedFigures f = figures(closed_form, s.step);
  text += fmt::format(
      "step {}, {} tokens/s, MFU {}{}\n", format(s.step), format_count(f.tokens_per_second), format_percent(f.mfu),
      s.roles[busiest(s)].breakdown.recompute > Seconds{0} ? fmt::format(", HFU {}", format_percent(f.hfu)) : "");
  return text + fmt::format("closed form {}: simulated {:+.1f} %\n", band(closed_form.step), 100 * f.difference) + size;
}

std::string picture(const Simulation& s, int width, bool colours) {
  if (s.program.plan.pp > 1) return pipeline_text(s, width, colours);
  return s.complete() ? bar(s.roles[busiest(s)].breakdown, width) : "";
}

std::string stage_times(const Simulation& s, int width) {
  const std::vector<std::uint32_t> roles = busiest_of_stages(s);
  std::vector<Table::Column> columns{{"stage"}, {"ranks like it", Align::right, 9}};
  using Get = Seconds (*)(const Breakdown&);
  static constexpr std::array<std::pair<const char*, Get>, 11> fields{{
      {"compute", [](const Breakdown& b) { return b.compute; }},
      {"recompute", [](const Breakdown& b) { return b.recompute; }},
      {"tp", [](const Breakdown& b) { return b.exposed_in(Dimension::tp); }},
      {"cp", [](const Breakdown& b) { return b.exposed_in(Dimension::cp); }},
      {"ep", [](const Breakdown& b) { return b.exposed_in(Dimension::ep); }},
      {"dp", [](const Breakdown& b) { return b.exposed_in(Dimension::dp); }},
      {"pp", [](const Breakdown& b) { return b.exposed_in(Dimension::pp); }},
      {"bubble", [](const Breakdown& b) { return b.bubble; }},
      {"optimizer", [](const Breakdown& b) { return b.optimizer; }},
      {"offload", [](const Breakdown& b) { return b.offload; }},
      {"host", [](const Breakdown& b) { return b.host; }},
  }};
  std::vector<Get> used;
  for (const auto& [name, get] : fields) {
    if (std::ranges::none_of(roles, [&](std::uint32_t r) { return get(s.roles[r].breakdown) > Seconds{0}; })) continue;
    columns.push_back({name, Align::right, used.empty() ? 0 : static_cast<int>(used.size())});
    used.push_back(get);
  }
  Table table(std::move(columns));
  for (const std::uint32_t r : shown(roles)) {
    std::vector<std::string> cells{fmt::format("{}", s.roles[r].stage),
                                   fmt::format("{}", s.program.roles[r].ranks.size())};
    for (const Get get : used) cells.push_back(format(get(s.roles[r].breakdown)));
    table.row(std::move(cells));
  }
  return table.text(width) + not_shown(roles.size());
}

std::string critical_path_table(const CriticalPath& path, int width) {
  Table table({{"on the critical path", Align::left}, {"time"}, {"share"}});
  const auto add = [&](const std::string& name, Seconds time) {
    if (time > Seconds{0}) table.row({name, format(time), format_percent(time / path.total())});
  };
  add("compute", path.compute);
  add("recompute", path.recompute);
  for (const Dimension d : all_dimensions)
    add(fmt::format("{} communication", to_string(d)), path.communication[static_cast<std::size_t>(d)]);
  add("optimizer", path.optimizer);
  add("host", path.host);
  add("nothing runs", path.waiting);
  return table.text(width);
}

std::string stage_memory(const Simulation& s, int width) {
  const bool pipeline = s.program.plan.pp > 1;
  std::vector<Table::Column> columns{
      {"stage"}, {"held"}, {"comes and goes", Align::right, 1}, {"at the peak"}, {"largest then", Align::left}};
  if (pipeline) columns.insert(columns.begin() + 1, {"in flight"});
  Table table(std::move(columns));
  std::vector<std::uint32_t> fullest;
  for (int stage = 0; stage < s.program.plan.pp; ++stage) fullest.push_back(fullest_of_stage(s, stage));
  for (const std::uint32_t r : shown(fullest)) {
    const ProgramMemory& memory = s.roles[r].memory;
    const Bytes held = s.program.stages[s.program.roles[r].program].held.total(), all = memory.peak.allocated();
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

std::string blocked_text(const Simulation& s) {
  std::string text = "Who is blocked where, a line a role:\n";
  constexpr std::size_t most = 40;
  for (std::size_t i = 0; i < std::min(most, s.blocked.size()); ++i)
    text += fmt::format("  {}: {}\n", ranks_of_role(s.program, s.blocked[i].role), s.blocked[i].what);
  return text +
         (s.blocked.size() > most ? fmt::format("  and {} more (--json has them)\n", s.blocked.size() - most) : "");
}

}  // namespace forerun::cli
