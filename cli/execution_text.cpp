#include "cli/execution_text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "base/quantile.hpp"
#include "base/table.hpp"
#include "cli/common.hpp"
#include "reports/report.hpp"
#include "strategies/closed_form/closed_form.hpp"
#include "validation/statistics.hpp"

namespace forerun::cli {
namespace {

std::string seconds_text(double seconds) {
  return seconds >= 1 ? fmt::format("{:.3f} s", seconds) : fmt::format("{:.2f} ms", 1e3 * seconds);
}
std::string bytes_text(double bytes) { return fmt::format("{:.0f} B", bytes); }
std::string error_text(const Compared& row) {
  return row.error() ? fmt::format("{:+.1f} %", 100 * *row.error()) : std::string();
}

std::string table_of(const std::string& title, const std::vector<Compared>& rows, std::string (*text)(double)) {
  Table table({{title, Align::left}, {"predicted"}, {"measured"}, {"error"}});
  for (const Compared& row : rows) table.row({row.name, text(row.predicted), text(row.measured), error_text(row)});
  return table.text(terminal_width());
}

std::string loss_table(const Execution& run, const std::vector<double>& reference, const Scenario& given) {
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
  return table.text(terminal_width());
}

nlohmann::ordered_json json_or_null(const auto& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json to_json(const std::vector<Compared>& rows) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Compared& row : rows) {
    nlohmann::ordered_json entry{{"name", row.name}, {"predicted", row.predicted}, {"measured", row.measured}};
    entry["error"] = json_or_null(row.error());
    list.push_back(std::move(entry));
  }
  return list;
}

std::string share_text(double share) { return fmt::format("{:.1f} %", 100 * share); }

// What a person should know before trusting the errors: the same in the table and in JSON.

// Above this share of the cores, what others do is seen in the times.
constexpr double busy = 0.03;
std::string busy_text(double others) {
  return fmt::format("other programs had {} of the cores meanwhile: these times are not of this machine alone",
                     share_text(others));
}

// Above this, a prediction for equal shares is not that of the run.
constexpr double skewed = 1.02;
std::string skew_text(double skew) {
  return fmt::format(
      "the busiest rank's experts drew {:.2f} times an equal share of the rows, which predictions count "
      "on (--routing balanced runs equal shares)",
      skew);
}

// Does a prediction for one kind of processor stand beside a run on another? "": no.
std::string machine_text(const ExecutedPlan& one) {
  const Device& device = one.task->scenario.device();
  if ((device.family == "cpu") != one.on_gpus) return "";
  return fmt::format("predicted for {}, run on {}: with --calibration, what `forerun profile{}` measured is predicted",
                     device.name, one.on_gpus ? "a GPU" : "the cores of this machine",
                     one.on_gpus ? " --backend cuda" : "");
}

// The plan's own: what others took is said once for all plans.
std::vector<std::string> remarks_of(const ExecutedPlan& one) {
  std::vector<std::string> remarks;
  if (const std::string text = machine_text(one); !text.empty()) remarks.push_back(text);
  if (one.comparison.expert_skew > skewed) remarks.push_back(skew_text(one.comparison.expert_skew));
  return remarks;
}

// Of plans with a core for each rank, and of those that share them.
struct Scores {
  std::size_t plans = 0;
  double median = 0, worst = 0, spread = 0;
};

Scores scores_of(const std::vector<ExecutedPlan>& rows, bool shares_cores) {
  std::vector<double> errors, spreads;
  for (const ExecutedPlan& row : rows) {
    if ((row.task->ranks() > row.comparison.cores) != shares_cores) continue;
    errors.push_back(std::abs(*row.comparison.step.error())), spreads.push_back(row.comparison.spread);
  }
  if (errors.empty()) return {};
  return {errors.size(), quantile(errors, 0.5), *std::ranges::max_element(errors), quantile(spreads, 0.5)};
}

// nullopt: one plan alone has no order.
std::optional<double> order_of(const std::vector<ExecutedPlan>& rows) {
  if (rows.size() < 2) return std::nullopt;
  std::vector<std::pair<double, double>> steps;
  for (const ExecutedPlan& row : rows) steps.emplace_back(row.comparison.step.predicted, row.comparison.step.measured);
  return pair_order(steps).tau();
}

// "": no plan was disturbed.
std::string busy_text(const std::vector<ExecutedPlan>& rows) {
  std::size_t disturbed = 0;
  double most = 0;
  for (const ExecutedPlan& row : rows) {
    const double others = row.comparison.others.value_or(0);
    most = std::max(most, others);
    if (others > busy) ++disturbed;
  }
  if (disturbed == 0) return "";
  return fmt::format(
      "other programs had more than {} of the cores during {} of {} (up to {}): their times are not of "
      "this machine alone",
      share_text(busy), disturbed, counted(rows.size(), "plan"), share_text(most));
}

std::vector<std::string> remarks_of(const ExecutedPlan& one, const Execution& run) {
  std::vector<std::string> remarks = remarks_of(one);
  if (one.comparison.others > busy) remarks.push_back(busy_text(*one.comparison.others));
  if (static_cast<int>(run.ranks.size()) < one.task->ranks()) {
    remarks.emplace_back("times, memory and bytes are of rank 0: the others are processes of their own");
  }
  return remarks;
}

// Where the measured step comes from.
std::string measured_text(const ExecutedPlan& one, const Execution& run) {
  const std::size_t steps = run.steps.size();
  std::string text = "measured: median of the steps after the first, which differ by " +
                     share_text(one.comparison.spread) + " (the middle half)";
  if (steps == 1) text = "measured: the first step, which finds its memory untouched (--steps 2 or more have others)";
  if (steps == 2) text = "measured: the step after the first";
  const int ranks = one.task->ranks(), cores = one.comparison.cores;
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
  const Timing step = estimate(one.task->scenario, one.task->plan).step;
  const double stretch = one.comparison.step.predicted / step.median.value();
  return {stretch * step.low().value(), stretch * step.high().value(), step.evidence};
}

}  // namespace

void print_execution_json(const ExecutedPlan& one, const Execution& run, const std::vector<double>& reference) {
  const Comparison& c = one.comparison;
  nlohmann::ordered_json json = forerun::to_json(one.task->scenario.given);
  json["plan"] = forerun::to_json(one.task->plan);
  json["step"] = to_json({c.step})[0];
  const Band band = band_of(one);
  json["step"]["spread"] = c.spread;
  json["step"]["low"] = band.low, json["step"]["high"] = band.high, json["step"]["evidence"] = to_string(band.evidence);
  json["cores"] = c.cores, json["others"] = json_or_null(c.others), json["expert_skew"] = c.expert_skew;
  json["remarks"] = remarks_of(one, run);
  json["time"] = to_json(c.time), json["memory"] = to_json(c.memory), json["bytes"] = to_json(c.bytes);
  json["losses"] = run.losses, json["reference"] = reference, json["agrees"] = json_or_null(one.same);
  std::cout << json.dump(2) << "\n";
}

void print_execution(const ExecutedPlan& one, const Execution& run, const std::vector<double>& reference) {
  const Comparison& c = one.comparison;
  const PricedScenario& scenario = one.task->scenario;
  fmt::print("{}plan: {}\n\n", headline(scenario.given), summary(one.task->plan));
  fmt::print("{}\n", loss_table(run, reference, scenario.given));
  std::vector<Compared> times{c.step};
  times.insert(times.end(), c.time.begin(), c.time.end());
  fmt::print("{}", table_of("time", times, seconds_text));
  const Band band = band_of(one);
  fmt::print("predicted: {} to {} (80 % band), {}\n", seconds_text(band.low), seconds_text(band.high),
             to_string(band.evidence));
  fmt::print("{}\n\n", measured_text(one, run));
  for (const std::string& remark : remarks_of(one, run)) fmt::print("{}\n\n", remark);
  fmt::print("{}\n", table_of("memory at the peak", c.memory, bytes_text));
  if (!c.bytes.empty()) fmt::print("{}\n", table_of("bytes of a step", c.bytes, bytes_text));
  fmt::print("{}", sources(scenario));
}

void print_executions(const std::vector<ExecutedPlan>& rows) {
  Table table(
      {{"plan", Align::left}, {"ranks"}, {"predicted"}, {"measured"}, {"error"}, {"spread"}, {"", Align::left}});
  for (const ExecutedPlan& row : rows) {
    const Compared& step = row.comparison.step;
    table.row({row.task->name, std::to_string(row.task->ranks()), seconds_text(step.predicted),
               seconds_text(step.measured), error_text(step), share_text(row.comparison.spread),
               row.same.value_or(true) ? "" : "losses differ"});
  }
  fmt::print("{}\n", table.text(terminal_width()));
  for (const bool shares : {false, true}) {
    const Scores scores = scores_of(rows, shares);
    if (scores.plans == 0) continue;
    fmt::print("{} with {}: error median {}, worst {}; spread of steps median {}\n", counted(scores.plans, "plan"),
               shares ? "more ranks than cores" : "a core a rank", share_text(scores.median), share_text(scores.worst),
               share_text(scores.spread));
  }
  if (const auto tau = order_of(rows)) fmt::print("order of the plans: Kendall's tau {:.3f}\n", *tau);
  for (const ExecutedPlan& row : rows) {
    for (const std::string& remark : remarks_of(row)) fmt::print("{}: {}\n", row.task->name, remark);
  }
  if (const std::string text = busy_text(rows); !text.empty()) fmt::print("{}\n", text);
}

void print_executions_json(const std::vector<ExecutedPlan>& rows) {
  nlohmann::ordered_json json;
  json["plans"] = nlohmann::ordered_json::array();
  for (const ExecutedPlan& row : rows) {
    const Comparison& c = row.comparison;
    nlohmann::ordered_json entry = to_json({c.step})[0];
    entry["name"] = row.task->name, entry["ranks"] = row.task->ranks(), entry["spread"] = c.spread;
    entry["others"] = json_or_null(c.others), entry["expert_skew"] = c.expert_skew;
    entry["agrees"] = json_or_null(row.same), entry["remarks"] = remarks_of(row);
    json["plans"].push_back(std::move(entry));
  }
  json["cores"] = rows.front().comparison.cores;
  const std::string disturbed = busy_text(rows);
  json["remarks"] = disturbed.empty() ? std::vector<std::string>{} : std::vector{disturbed};
  for (const bool shares : {false, true}) {
    const Scores scores = scores_of(rows, shares);
    json[shares ? "more_ranks_than_cores" : "a_core_a_rank"] = {
        {"n", scores.plans}, {"median", scores.median}, {"worst", scores.worst}, {"spread", scores.spread}};
  }
  json["kendall_tau"] = json_or_null(order_of(rows));
  std::cout << json.dump(2) << "\n";
}

}  // namespace forerun::cli
