#include "reports/scores/runs_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/table.hpp"
#include "base/units.hpp"
#include "reports/breakdown_report.hpp"
#include "reports/memory_report.hpp"

namespace forerun {
namespace {

using Json = nlohmann::ordered_json;

double error_of(const ScoredRun& run) { return run.predicted_time / *run.measured_time - 1; }

std::vector<const ScoredRun*> worst_first(const TrainingValidation& v, std::size_t count) {
  std::vector<const ScoredRun*> list;
  for (const ScoredRun& run : v.runs) {
    if (run.measured_time) list.push_back(&run);
  }
  std::ranges::stable_sort(list, std::greater<>(), [](const ScoredRun* run) { return std::abs(error_of(*run)); });
  if (count > 0 && list.size() > count) list.resize(count);
  return list;
}

std::vector<std::string> cells_of(const ScoredRun& run, const std::vector<TimeCategory>& used) {
  std::vector<std::string> cells{run.run_id, format(*run.measured_time), format(run.predicted_time),
                                 fmt::format("{} to {}", format(run.low), format(run.high)),
                                 fmt::format("{:+.1f} %", 100 * error_of(run))};
  for (const TimeCategory& category : used) {
    const Seconds part = category.exposed(run.breakdown);
    cells.push_back(part == Seconds{0} ? "-" : fmt::format("{:.0f} %", 100 * (part / run.predicted_time)));
  }
  return cells;
}

}  // namespace

Json runs_to_json(const TrainingValidation& v, std::size_t count) {
  Json list = Json::array();
  for (const ScoredRun* run : worst_first(v, count)) {
    Json json = {{"run_id", run->run_id},
                 {"source", run->source},
                 {"stack", run->stack},
                 {"gpu", run->gpu},
                 {"measured_s", run->measured_time->value()},
                 {"predicted_s", run->predicted_time.value()},
                 {"low", run->low.value()},
                 {"high", run->high.value()},
                 {"evidence", to_string(run->evidence)},
                 {"error", error_of(*run)},
                 {"breakdown", to_json(run->breakdown)}};
    json["predicted_memory"] = run->predicted_memory.value();
    json["memory"] = to_json(run->memory);
    if (run->measured_memory) json["measured_memory"] = run->measured_memory->value();
    list.push_back(std::move(json));
  }
  return list;
}

std::string runs_text(const TrainingValidation& v, std::size_t count, int width) {
  const std::vector<const ScoredRun*> runs = worst_first(v, count);
  std::vector<const Breakdown*> breakdowns;
  for (const ScoredRun* run : runs) breakdowns.push_back(&run->breakdown);
  const std::vector<TimeCategory> used = waited_for(breakdowns);
  std::vector<Table::Column> columns{
      {"run", Align::left}, {"measured"}, {"predicted"}, {"80 % band", Align::left, 4}, {"error"}};
  for (const TimeCategory& category : used)  // of a table that is too wide, the last rows of a breakdown go first
    columns.push_back({std::string(category.name), Align::right, static_cast<int>(columns.size()) - 4});
  Table table(columns);
  for (const ScoredRun* run : runs) table.row(cells_of(*run, used));
  return "worst predicted step times and where the prediction spends them\n" + table.text(width);
}

}  // namespace forerun
