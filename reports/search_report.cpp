#include "reports/search_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/table.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "reports/breakdown_report.hpp"
#include "reports/estimate_report.hpp"
#include "reports/json_text.hpp"
#include "reports/memory_report.hpp"
#include "reports/scenario_report.hpp"

namespace forerun {
namespace {

using Json = nlohmann::ordered_json;

std::string share(Seconds part, const Estimate& e) {
  return part > Seconds{0} ? fmt::format("{:.0f}", 100 * (part / e.step.median)) : "-";
}

std::string plans_table(const std::vector<SimulatedPlan>& plans, int width) {
  Table table({{"#"},
               {"plan", Align::left},
               {"simulated"},
               {"closed form (80 % band)", Align::left},
               {"tokens/s", Align::right, 1},
               {"MFU"},
               {"full square", Align::right, 6},
               {"memory"},
               {"compute %", Align::right, 4},
               {"comm. %", Align::right, 2},
               {"bubble %", Align::right, 3},
               {"other %", Align::right, 5}});
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const Estimate& e = plans[i].ranked.estimate;
    Seconds communication{0};
    for (const Seconds t : e.breakdown.exposed) communication += t;
    const SimulatedFigures f = figures(e, plans[i].best_known());
    table.row({fmt::format("{}", i + 1), summary(plans[i].ranked.plan), plans[i].step ? format(*plans[i].step) : "-",
               band(e.step), format_count(f.tokens_per_second), format_percent(f.mfu),
               format_percent(f.mfu_full_square), format(e.memory.total()),
               share(e.breakdown.compute + e.breakdown.recompute, e), share(communication, e),
               share(e.breakdown.bubble, e), share(e.breakdown.optimizer + e.breakdown.offload + e.breakdown.host, e)});
  }
  return table.text(width);
}

// What it costs to do otherwise: "+13.2 %", and "11.9 x" where percents are hard to read.
std::string cost_of(const Estimate& best, const Estimate& other) {
  const double ratio = other.step.median / best.step.median;
  return ratio < 2 ? fmt::format("{:+.1f} %", 100 * (ratio - 1)) : fmt::format("{:.1f} x", ratio);
}

std::string worth_table(const SearchResult& result, int width) {
  Table table({{"choice", Align::left}, {"without it"}, {"step"}, {"the best plan then", Align::left}});
  const Estimate& best = result.best.front().estimate;
  const auto add = [&](const std::string& name, const std::optional<RankedPlan>& other, const char* none) {
    table.row(other ? std::vector<std::string>{name, cost_of(best, other->estimate),
                                               format(other->estimate.step.median), summary(other->plan)}
                    : std::vector<std::string>{name, "", "", none});
  };
  for (const LeftOut& left : result.left_out) add(std::string(to_string(left.feature)), left.best, "nothing fits");
  table.rule();
  add("rule of thumb", result.rule_of_thumb, "does not fit");
  return table.text(width);
}

// Where the two disagree, and what was not simulated.
std::string ranking_notes(const std::vector<SimulatedPlan>& plans) {
  constexpr double worth_saying = 0.03;
  std::vector<std::string> differ, missing;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (!plans[i].step) missing.push_back(fmt::format("#{}", i + 1));
    if (std::abs(plans[i].difference()) > worth_saying)
      differ.push_back(fmt::format("#{} by {:+.1f} %", i + 1, 100 * plans[i].difference()));
  }
  std::string text = "Ranked by the closed form.";
  if (missing.size() < plans.size()) {
    text = differ.empty()
               ? "Ranked by simulation. It differs from the closed form by 3 % or less for each of them."
               : "Ranked by simulation. It differs from the closed form by more than 3 %: " + join(differ, ", ") + ".";
  }
  if (!missing.empty())
    text += fmt::format(" Not simulated (-): {}, whose steps are too large or whose places are too low.",
                        join(missing, ", "));
  return text + "\n";
}

// The plan against which the closed form says what each choice is worth.
std::string worth_title(const std::vector<SimulatedPlan>& plans) {
  if (plans.front().rank == 0)
    return "What each choice is worth (rule of thumb: TP up to the node, then PP, then DP):\n";
  const auto first = std::ranges::find(plans, std::size_t{0}, &SimulatedPlan::rank);
  const std::string which =
      first == plans.end() ? "its first plan" : fmt::format("its first plan, #{}", first - plans.begin() + 1);
  return fmt::format(
      "What each choice is worth in closed form, against {} (rule of thumb: TP up to the node, then PP, then DP):\n",
      which);
}

std::string certificate_text(const Certificate& c) {
  return fmt::format("\nCertificate: {} plans in the space = {} priced + {} that do not fit + {} cut by bounds.\n",
                     c.total, c.evaluated, c.pruned_memory, c.pruned_bound);
}

Json to_json(const RankedPlan& ranked) {
  Json json = {{"plan", to_json(ranked.plan)}};
  json.update(to_json(ranked.estimate));
  return json;
}

Json to_json(const std::optional<RankedPlan>& ranked) { return ranked ? to_json(*ranked) : Json(); }

Json to_json(const SimulatedPlan& plan) {
  Json json = to_json(plan.ranked);
  json["simulated"] = plan.step ? Json{{"step_time_s", plan.step->value()}, {"difference", plan.difference()}} : Json();
  return json;
}

}  // namespace

std::string to_text(const SearchAnswer& answer, int width) {
  const Estimate& best = answer.plans.front().ranked.estimate;
  return headline(answer.scenario.given) + "\n" + plans_table(answer.plans, width) + "\n" +
         ranking_notes(answer.plans) + "\nThe best plan, where its time goes in closed form:\n" +
         breakdown_table(best.breakdown, best.step.median, band_note(best.step), width) +
         "\nMemory of its fullest device:\n" + memory_table(best.memory, width) + "\n" + worth_title(answer.plans) +
         worth_table(answer.result, width) + certificate_text(answer.result.certificate) + sources(answer.scenario);
}

std::string json_text(const SearchAnswer& answer) {
  Json json = to_json(answer.scenario.given);
  json["plans"] = Json::array();
  for (const SimulatedPlan& plan : answer.plans) json["plans"].push_back(to_json(plan));
  json["without"] = Json::array();
  for (const LeftOut& left : answer.result.left_out)
    json["without"].push_back({{"feature", to_string(left.feature)}, {"best", to_json(left.best)}});
  json["rule_of_thumb"] = to_json(answer.result.rule_of_thumb);
  json["certificate"] = to_json(answer.result.certificate);
  add_calibrations(json, answer.scenario);
  return indented(json);
}

Json to_json(const Certificate& c) {
  return {{"total", c.total},
          {"evaluated", c.evaluated},
          {"pruned_memory", c.pruned_memory},
          {"pruned_bound", c.pruned_bound}};
}

}  // namespace forerun
