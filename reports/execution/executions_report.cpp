#include "reports/execution/executions_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/quantile.hpp"
#include "base/table.hpp"
#include "reports/execution/compared_rows.hpp"
#include "reports/execution/execution_remarks.hpp"
#include "reports/json_text.hpp"
#include "reports/scenario_report.hpp"
#include "validation/statistics.hpp"

namespace forerun {
namespace {

// Of plans with a core for each rank, and of those that share them.
struct Scores {
  std::size_t plans = 0;
  double median = 0, worst = 0, spread = 0;
};

Scores scores_of(const std::vector<ExecutedPlan>& rows, bool shares_cores) {
  std::vector<double> errors, spreads;
  for (const ExecutedPlan& row : rows) {
    if ((row.ranks() > row.comparison.cores) != shares_cores) continue;
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

std::string plans_table(const std::vector<ExecutedPlan>& rows, int width) {
  Table table(
      {{"plan", Align::left}, {"ranks"}, {"predicted"}, {"measured"}, {"error"}, {"spread"}, {"", Align::left}});
  for (const ExecutedPlan& row : rows) {
    const Compared& step = row.comparison.step;
    table.row({row.name, std::to_string(row.ranks()), seconds_text(step.predicted), seconds_text(step.measured),
               error_text(step), share_text(row.comparison.spread), row.same.value_or(true) ? "" : "losses differ"});
  }
  return table.text(width) + "\n";
}

nlohmann::ordered_json to_json(const ExecutedPlan& row) {
  nlohmann::ordered_json json = to_json(row.comparison.step);
  json["name"] = row.name;
  json["ranks"] = row.ranks();
  json["spread"] = row.comparison.spread;
  json["others"] = or_null(row.comparison.others);
  json["expert_skew"] = row.comparison.expert_skew;
  json["agrees"] = or_null(row.same);
  json["remarks"] = remarks_of(row);
  return json;
}

}  // namespace

std::string to_text(const std::vector<ExecutedPlan>& rows, int width) {
  std::string text = plans_table(rows, width);
  for (const bool shares : {false, true}) {
    const Scores scores = scores_of(rows, shares);
    if (scores.plans == 0) continue;
    text += fmt::format("{} with {}: error median {}, worst {}; spread of steps median {}\n",
                        counted(scores.plans, "plan"), shares ? "more ranks than cores" : "a core a rank",
                        share_text(scores.median), share_text(scores.worst), share_text(scores.spread));
  }
  if (const auto tau = order_of(rows)) text += fmt::format("order of the plans: Kendall's tau {:.3f}\n", *tau);
  for (const ExecutedPlan& row : rows) {
    for (const std::string& remark : remarks_of(row)) text += fmt::format("{}: {}\n", row.name, remark);
  }
  const std::string disturbed = disturbed_text(rows);
  return disturbed.empty() ? text : text + disturbed + "\n";
}

std::string json_text(const std::vector<ExecutedPlan>& rows) {
  nlohmann::ordered_json json;
  json["plans"] = nlohmann::ordered_json::array();
  for (const ExecutedPlan& row : rows) json["plans"].push_back(to_json(row));
  json["cores"] = rows.front().comparison.cores;
  const std::string disturbed = disturbed_text(rows);
  json["remarks"] = disturbed.empty() ? std::vector<std::string>{} : std::vector{disturbed};
  for (const bool shares : {false, true}) {
    const Scores scores = scores_of(rows, shares);
    json[shares ? "more_ranks_than_cores" : "a_core_a_rank"] = {
        {"n", scores.plans}, {"median", scores.median}, {"worst", scores.worst}, {"spread", scores.spread}};
  }
  json["kendall_tau"] = or_null(order_of(rows));
  return indented(json);
}

}  // namespace forerun
