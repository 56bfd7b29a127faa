#include "cli/execution_text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "base/quantile.hpp"
#include "base/table.hpp"
#include "cli/common.hpp"
#include "strategies/closed_form.hpp"
#include "studies/report.hpp"
#include "studies/statistics.hpp"

namespace forerun::cli {
namespace {

std::string seconds_text(double seconds) { return seconds >= 1 ? fmt::format("{:.3f} s", seconds) : fmt::format("{:.2f} ms", 1e3 * seconds); }
std::string bytes_text(double bytes) { return fmt::format("{:.0f} B", bytes); }
std::string error_text(const Compared& row) { return row.error() ? fmt::format("{:+.1f} %", 100 * *row.error()) : std::string(); }

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

nlohmann::ordered_json to_json(const std::vector<Compared>& rows) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Compared& row : rows) {
    nlohmann::ordered_json entry{{"name", row.name}, {"predicted", row.predicted}, {"measured", row.measured}};
    entry["error"] = row.error() ? nlohmann::ordered_json(*row.error()) : nlohmann::ordered_json(nullptr);
    list.push_back(std::move(entry));
  }
  return list;
}

std::string share_text(double share) { return fmt::format("{:.1f} %", 100 * share); }

// Above this share of the cores, what others do is seen in the times.
constexpr double busy = 0.03;
std::string busy_text(double others) { return fmt::format("other programs had {} of the cores meanwhile: these times are not of this machine alone", share_text(others)); }

// Above this, a prediction for equal shares is not that of the run.
constexpr double skewed = 1.02;
std::string skew_text(double skew) {
  return fmt::format("the busiest rank's experts drew {:.2f} times an equal share of the rows, which predictions count on (--routing balanced runs equal shares)", skew);
}

// Of plans with a core for each rank, and of those that share them.
struct Scores {
  std::size_t plans = 0;
  double median = 0, worst = 0, spread = 0;
};

Scores scores_of(const std::vector<ExecutedPlan>& rows, bool shares_cores) {
  std::vector<double> errors, spreads;
  for (const ExecutedPlan& row : rows) {
    if ((row.ranks > row.comparison.cores) != shares_cores) continue;
    errors.push_back(std::abs(*row.comparison.step.error())), spreads.push_back(row.comparison.spread);
  }
  if (errors.empty()) return {};
  return {errors.size(), quantile(errors, 0.5), *std::ranges::max_element(errors), quantile(spreads, 0.5)};
}

double order_of(const std::vector<ExecutedPlan>& rows) {
  std::vector<std::pair<double, double>> steps;
  for (const ExecutedPlan& row : rows) steps.emplace_back(row.comparison.step.predicted, row.comparison.step.measured);
  return pair_order(steps).tau();
}

}  // namespace

void print_execution_json(const PricedScenario& scenario, const Plan& plan, const Comparison& c, const Execution& run, const std::vector<double>& reference, bool same) {
  nlohmann::ordered_json json = forerun::to_json(scenario.given);
  json["plan"] = forerun::to_json(plan);
  json["step"] = to_json({c.step})[0];
  json["step"]["spread"] = c.spread;
  const Timing band = estimate(scenario, plan).step;
  json["step"]["low"] = (c.step.predicted / band.median.value()) * band.low().value(), json["step"]["high"] = (c.step.predicted / band.median.value()) * band.high().value();
  json["step"]["evidence"] = to_string(band.evidence);
  json["cores"] = c.cores, json["others"] = c.others, json["expert_skew"] = c.expert_skew;
  json["time"] = to_json(c.time), json["memory"] = to_json(c.memory), json["bytes"] = to_json(c.bytes);
  json["losses"] = run.losses, json["reference"] = reference, json["agrees"] = same;
  std::cout << json.dump(2) << "\n";
}

void print_execution(const PricedScenario& scenario, const Plan& plan, const Comparison& c, const Execution& run, const std::vector<double>& reference) {
  fmt::print("{}plan: {}\n\n", headline(scenario.given), summary(plan));
  fmt::print("{}\n", loss_table(run, reference, scenario.given));
  std::vector<Compared> times{c.step};
  times.insert(times.end(), c.time.begin(), c.time.end());
  fmt::print("{}", table_of("time", times, seconds_text));
  const Timing predicted = estimate(scenario, plan).step;
  const double stretch = c.step.predicted / predicted.median.value();
  fmt::print("predicted: {} to {} (80 % band), {}\n", seconds_text(stretch * predicted.low().value()), seconds_text(stretch * predicted.high().value()), to_string(predicted.evidence));
  fmt::print("measured: median of the steps after the first, which differ by {:.1f} % (the middle half)", 100 * c.spread);
  const int ranks = gpus(plan);
  fmt::print("{}\n\n", ranks > c.cores ? fmt::format("; {} ranks take turns on {} cores", ranks, c.cores) : std::string());
  if (c.expert_skew > skewed) fmt::print("{}\n\n", skew_text(c.expert_skew));
  if (c.others > busy) fmt::print("{}\n\n", busy_text(c.others));
  if (run.ranks.size() == 1 && ranks > 1) fmt::print("of rank 0: the others are processes of their own\n\n");
  fmt::print("{}\n", table_of("memory at the peak", c.memory, bytes_text));
  if (!c.bytes.empty()) fmt::print("{}\n", table_of("bytes of a step", c.bytes, bytes_text));
  fmt::print("{}", sources(scenario));
}

void print_executions(const std::vector<ExecutedPlan>& rows) {
  Table table({{"plan", Align::left}, {"ranks"}, {"predicted"}, {"measured"}, {"error"}, {"spread"}, {"", Align::left}});
  for (const ExecutedPlan& row : rows) {
    const Compared& step = row.comparison.step;
    table.row({row.plan, std::to_string(row.ranks), seconds_text(step.predicted), seconds_text(step.measured), error_text(step), share_text(row.comparison.spread), row.same ? "" : "losses differ"});
  }
  fmt::print("{}\n", table.text(terminal_width()));
  for (const bool shares : {false, true}) {
    const Scores scores = scores_of(rows, shares);
    if (scores.plans == 0) continue;
    fmt::print("{} plans with {}: error median {}, worst {}; spread of steps median {}\n", scores.plans, shares ? "more ranks than cores" : "a core a rank", share_text(scores.median),
               share_text(scores.worst), share_text(scores.spread));
  }
  fmt::print("order of the plans: Kendall's tau {:.3f}\n", order_of(rows));
  for (const ExecutedPlan& row : rows) {
    if (row.comparison.expert_skew > skewed) fmt::print("{}: {}\n", row.plan, skew_text(row.comparison.expert_skew));
  }
  std::vector<double> others;
  for (const ExecutedPlan& row : rows) others.push_back(row.comparison.others);
  if (const double middle = quantile(others, 0.5); middle > busy) fmt::print("{}\n", busy_text(middle));
}

void print_executions_json(const std::vector<ExecutedPlan>& rows) {
  nlohmann::ordered_json json;
  json["plans"] = nlohmann::ordered_json::array();
  for (const ExecutedPlan& row : rows) {
    nlohmann::ordered_json entry = to_json({row.comparison.step})[0];
    entry["name"] = row.plan, entry["ranks"] = row.ranks, entry["spread"] = row.comparison.spread, entry["others"] = row.comparison.others, entry["expert_skew"] = row.comparison.expert_skew, entry["agrees"] = row.same;
    json["plans"].push_back(std::move(entry));
  }
  json["cores"] = cores_of_this_machine();
  for (const bool shares : {false, true}) {
    const Scores scores = scores_of(rows, shares);
    json[shares ? "more_ranks_than_cores" : "a_core_a_rank"] = {{"n", scores.plans}, {"median", scores.median}, {"worst", scores.worst}, {"spread", scores.spread}};
  }
  json["kendall_tau"] = order_of(rows);
  std::cout << json.dump(2) << "\n";
}

}  // namespace forerun::cli
