#include "reports/scores/validation_report.hpp"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/table.hpp"
#include "reports/json_text.hpp"
#include "reports/scores/runs_report.hpp"

namespace forerun {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const NamedErrors& named) {
  const ErrorSummary& e = named.errors;
  Json json = {{"name", named.name}, {"n", e.n},         {"mape", e.mape}, {"median", e.median},
               {"p90", e.p90},       {"worst", e.worst}, {"bias", e.bias}};
  if (named.constant_mfu) json["constant_mfu"] = *named.constant_mfu;
  if (named.in_band) json["in_band"] = *named.in_band;
  if (named.left_out) json["left_out"] = named.left_out->mape, json["left_out_n"] = named.left_out->n;
  if (named.kendall_tau) json["kendall_tau"] = *named.kendall_tau;
  return json;
}

Json to_json(const std::vector<NamedErrors>& list) {
  Json json = Json::array();
  for (const NamedErrors& named : list) json.push_back(to_json(named));
  return json;
}

Json to_json(const RegretScore& r) {
  Json json = {{"name", r.name}, {"workloads", r.workloads}, {"mean", nullptr}, {"max", nullptr}};
  if (r.workloads > 0) json["mean"] = r.mean, json["max"] = r.max;
  return json;
}

std::string percent(double fraction) { return fmt::format("{:.1f} %", 100 * fraction); }
std::string percent(const std::optional<double>& fraction) { return fraction ? percent(*fraction) : "none"; }

std::string error_table(const std::string& what, const std::vector<NamedErrors>& list, bool with_mfu, int width) {
  if (list.empty()) return "";
  std::vector<Table::Column> columns{{what, Align::left}, {"n"},   {"mean"}, {"median", Align::right, 2}, {"p90"},
                                     {"worst"},           {"bias"}};
  if (with_mfu)
    columns.insert(columns.end(), {{"left out", Align::right, 1},
                                   {"in band", Align::right, 1},
                                   {"constant MFU", Align::right, 3},
                                   {"tau", Align::right, 4}});
  Table table(columns);
  for (const NamedErrors& named : list) {
    const ErrorSummary& e = named.errors;
    std::vector<std::string> cells{named.name,
                                   std::to_string(e.n),
                                   percent(e.mape),
                                   percent(e.median),
                                   percent(e.p90),
                                   percent(e.worst),
                                   fmt::format("{:+.1f} %", 100 * e.bias)};
    if (with_mfu) {
      cells.push_back(named.left_out ? fmt::format("{} of {}", percent(named.left_out->mape), named.left_out->n) : "");
      cells.push_back(named.in_band ? fmt::format("{:.0f} %", 100 * *named.in_band) : "");
      cells.push_back(named.constant_mfu ? percent(*named.constant_mfu) : "");
      cells.push_back(named.kendall_tau ? fmt::format("{:.2f}", *named.kendall_tau) : "");
    }
    table.row(std::move(cells));
  }
  return table.text(width) + "\n";
}

std::string fit_text(const FitScore& fit) {
  const auto share = [](std::size_t part, std::size_t all) {
    return all == 0
               ? std::string("none")
               : fmt::format("{} of {} ({})", part, all, percent(static_cast<double>(part) / static_cast<double>(all)));
  };
  return fmt::format(
             "ran out of memory, predicted to fit with a tenth free: {}; of sweeps: {} ({} more predicted below 70 %: "
             "suspected crashes)\n",
             share(fit.false_fits, fit.failed), share(fit.sweep_false_fits, fit.sweep_failed - fit.suspected_crashes),
             fit.suspected_crashes) +
         fmt::format("ran, predicted not to fit: {}\n", share(fit.false_ooms, fit.ran));
}

std::string regret_text(const RegretScore& regret, const std::string& what) {
  if (regret.workloads == 0) return what + ": none, for no workload has three plans\n";
  return fmt::format("{}: mean {}, worst {}, over {} workloads\n", what, percent(regret.mean), percent(regret.max),
                     regret.workloads);
}

std::string skipped_text(const std::vector<SkippedRun>& skipped) {
  std::map<std::string, std::size_t> reasons;
  for (const SkippedRun& run : skipped) ++reasons[run.reason];
  std::string text;
  for (const auto& [reason, n] : reasons) text += fmt::format("  {:>5}  {}\n", n, reason);
  return text.empty() ? "" : "skipped:\n" + text;
}

}  // namespace

Json to_json(const TrainingValidation& v) {
  Json skipped = Json::array();
  for (const SkippedRun& run : v.skipped) skipped.push_back({{"run_id", run.run_id}, {"reason", run.reason}});
  Json regret = to_json(v.regret);
  for (const RegretScore& source : v.regret_by_source) regret["by_source"].push_back(to_json(source));
  Json json = {{"rows", v.rows},
               {"stated", v.stated},
               {"scored", v.scored},
               {"assumed", v.assumed},
               {"assumed_cells", v.assumed_cells},
               {"skipped", skipped},
               {"by_source", to_json(v.by_source)},
               {"by_stack", to_json(v.by_stack)},
               {"mean_over_sources", or_null(v.mean_over_sources)},
               {"memory",
                {{"mean_over_sources", or_null(v.memory_mean_over_sources)},
                 {"overall", to_json(v.memory_overall)},
                 {"by_source", to_json(v.memory_by_source)}}},
               {"fit",
                {{"failed", v.fit.failed},
                 {"false_fits", v.fit.false_fits},
                 {"sweep_failed", v.fit.sweep_failed},
                 {"suspected_crashes", v.fit.suspected_crashes},
                 {"sweep_false_fits", v.fit.sweep_false_fits},
                 {"ran", v.fit.ran},
                 {"false_ooms", v.fit.false_ooms}}},
               {"regret", regret}};
  if (v.left_out_over_sources) json["left_out_over_sources"] = *v.left_out_over_sources;
  return json;
}

std::string to_text(const TrainingValidation& v, int width) {
  std::string text =
      fmt::format("{} rows, {} stated, {} scored; {} empty cells took the stack's or the machine's defaults\n\n",
                  v.rows, v.stated, v.scored, v.assumed);
  text += error_table("step time by source", v.by_source, true, width);
  text += error_table("step time by stack", v.by_stack, true, width);
  text += fmt::format("mean over sources (5 runs or more, sweeps apart): {}", percent(v.mean_over_sources));
  text += v.left_out_over_sources
              ? fmt::format("; with stacks that never saw the source: {}\n\n", percent(*v.left_out_over_sources))
              : "\n\n";
  std::vector<NamedErrors> memory = v.memory_by_source;
  if (v.memory_overall.errors.n > 0) memory.push_back({"overall, sweeps apart", v.memory_overall.errors, std::nullopt});
  text += error_table("peak memory by source", memory, false, width);
  text += fmt::format("peak memory, mean over sources: {}\n\n", percent(v.memory_mean_over_sources));
  text += fit_text(v.fit);
  text += regret_text(v.regret, "regret of the plan predicted fastest, sweeps apart");
  for (const RegretScore& source : v.regret_by_source) text += regret_text(source, "  " + source.name);
  return text + skipped_text(v.skipped);
}

std::string json_text(const TrainingValidation& v) { return indented(to_json(v)); }

std::string json_text_with_runs(const TrainingValidation& v) {
  Json json = to_json(v);
  json["runs"] = runs_to_json(v);
  return indented(json);
}

}  // namespace forerun
