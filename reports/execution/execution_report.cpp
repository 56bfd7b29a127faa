#include "reports/execution/execution_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "base/table.hpp"
#include "base/units.hpp"
#include "reports/execution/compared_rows.hpp"
#include "reports/execution/execution_remarks.hpp"
#include "reports/json_text.hpp"
#include "reports/scenario_report.hpp"

namespace forerun {
namespace {

std::string loss_table(const Execution& run, const std::vector<double>& reference, const Scenario& given, int width) {
  std::vector<Table::Column> columns{{"step"}, {"loss"}};
  if (!reference.empty()) columns.insert(columns.end(), {{"on one rank"}, {"", Align::left}});
  Table table(columns);
  for (std::size_t i = 0; i < run.losses.size(); ++i) {
    std::vector<std::string> cells{std::to_string(i + 1), fmt::format("{:.9f}", run.losses[i])};
    if (!reference.empty()) {
      cells.push_back(fmt::format("{:.9f}", reference[i]));
      cells.emplace_back(agrees(given, static_cast<int>(i), run.losses[i], reference[i]) ? "" : "differs");
    }
    table.row(cells);
  }
  return table.text(width);
}

// Where the measured step comes from.
std::string measured_text(const ExecutedPlan& one, const Execution& run) {
  const std::size_t steps = run.steps.size();
  std::string text = "measured: median of the steps after the first, which differ by " +
                     share_text(one.comparison.spread) + " (the middle half)";
  if (steps == 1) text = "measured: the first step, which finds its memory untouched (--steps 2 or more have others)";
  if (steps == 2) text = "measured: the step after the first";
  const int ranks = one.ranks(), cores = one.comparison.cores;
  if (ranks > cores)
    text += fmt::format("; {} ranks take turns on {}", ranks,
                        counted(static_cast<std::size_t>(cores), one.on_gpus ? "GPU" : "core"));
  return text;
}

// Of one step in the 80 % band, as the ranks share the cores.
struct Band {
  double low = 0, high = 0;
  Evidence evidence{};
};

Band band_of(const ExecutedPlan& one) {
  const Timing& step = one.estimate;
  const double stretch = one.comparison.step.predicted / step.median.value();
  return {stretch * step.low().value(), stretch * step.high().value(), step.evidence};
}

std::string time_text(const ExecutionAnswer& answer, int width) {
  const Comparison& c = answer.plan.comparison;
  std::vector<Compared> times{c.step};
  times.insert(times.end(), c.time.begin(), c.time.end());
  const Band band = band_of(answer.plan);
  return table_of("time", times, seconds_text, width) +
         fmt::format("predicted: {} to {} (80 % band), {}\n{}\n\n", seconds_text(band.low), seconds_text(band.high),
                     to_string(band.evidence), measured_text(answer.plan, answer.run));
}

// Of all ranks of the process, each at its own peak.
Bytes counted_memory(const Execution& run) {
  std::int64_t sum = 0;
  for (const RankReport& rank : run.ranks) sum = std::accumulate(rank.peak.begin(), rank.peak.end(), sum);
  return Bytes{static_cast<double>(sum)};
}

std::string resident_text(const Execution& run) {
  if (!run.resident) return "";
  return fmt::format("resident at the peak: {} of this process with {} and the program itself; counted of them: {}\n",
                     format(*run.resident), counted(run.ranks.size(), "rank"), format(counted_memory(run)));
}

}  // namespace

std::string to_text(const ExecutionAnswer& answer, int width) {
  const ExecutedPlan& one = answer.plan;
  const Comparison& c = one.comparison;
  std::string text = headline(one.scenario.given, one.plan);
  text += loss_table(answer.run, answer.reference, one.scenario.given, width) + "\n" + time_text(answer, width);
  for (const std::string& remark : remarks_of(one, answer.run)) text += remark + "\n\n";
  text += table_of("memory at the peak", c.memory, bytes_text, width) + resident_text(answer.run) + "\n";
  if (!c.bytes.empty()) text += table_of("bytes of a step", c.bytes, bytes_text, width) + "\n";
  return text + sources(one.scenario);
}

std::string json_text(const ExecutionAnswer& answer) {
  const ExecutedPlan& one = answer.plan;
  const Comparison& c = one.comparison;
  const Band band = band_of(one);
  nlohmann::ordered_json json = headline_json(one.scenario.given, one.plan);
  json["step"] = to_json(c.step);
  json["step"]["spread"] = c.spread;
  json["step"]["low"] = band.low;
  json["step"]["high"] = band.high;
  json["step"]["evidence"] = to_string(band.evidence);
  json["cores"] = c.cores;
  json["others"] = or_null(c.others);
  json["expert_skew"] = c.expert_skew;
  for (const std::string& remark : remarks_of(one, answer.run)) json["remarks"].push_back(remark);
  json["time"] = to_json(c.time);
  json["memory"] = to_json(c.memory);
  if (answer.run.resident)
    json["resident"] = {{"peak", whole_bytes(*answer.run.resident)},
                        {"counted", whole_bytes(counted_memory(answer.run))}};
  json["bytes"] = to_json(c.bytes);
  json["losses"] = answer.run.losses;
  json["reference"] = answer.reference;
  json["agrees"] = or_null(one.same);
  return indented(json);
}

}  // namespace forerun
