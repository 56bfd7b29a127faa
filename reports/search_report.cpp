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
#include "strategies/plan/plan_fields.hpp"
#include "strategies/plan/plan_remarks.hpp"
#include "strategies/search/search_space.hpp"

namespace forerun {
namespace {

using Json = nlohmann::ordered_json;

std::string paragraph(const std::string& text, int width) {
  return join(wrapped(text, static_cast<std::size_t>(std::max(width, 1))), "\n") + "\n";
}

std::vector<std::string> condition_texts(const Wishes& wishes) {
  std::vector<std::string> texts;
  for (const Expression& condition : wishes.conditions) texts.push_back(condition.text());
  return texts;
}

std::string share(Seconds part, const Estimate& e) {
  return part > Seconds{0} ? fmt::format("{:.0f}", 100 * (part / e.step.median)) : "-";
}

// "; as fast: x4; x10, zero 0": how the variants differ that take the same time.
std::string with_ties(const RankedKind& kind) {
  const Plan& best = kind.best.ranked.plan;
  std::vector<std::string> ties;
  for (const SimulatedPlan& tie : kind.ties)
    ties.push_back(join(plan_fields().summary_beside(best, tie.ranked.plan), ", "));
  return summary(best) + (ties.empty() ? "" : " (the same within 0.1 %: " + join(ties, "; ") + ")");
}

std::string plans_table(const Ranking& ranking, int width) {
  Table table({{"#"},
               {"plan", Align::left},
               {ranking.simulated > 0 ? "simulated" : "step"},
               {"closed form (80 % band)", Align::left},
               {"tokens/s", Align::right, 1},
               {"MFU"},
               {"full square", Align::right, 6},
               {"memory"},
               {"cost/step", Align::right, 2},
               {"compute %", Align::right, 5},
               {"comm. %", Align::right, 3},
               {"bubble %", Align::right, 4},
               {"other %", Align::right, 6}});
  for (std::size_t i = 0; i < ranking.kinds.size(); ++i) {
    const SimulatedPlan& plan = ranking.kinds[i].best;
    const Estimate& e = plan.ranked.estimate;
    Seconds communication{0};
    for (const Seconds t : e.breakdown.exposed) communication += t;
    const SimulatedFigures f = figures(e, plan.best_known());
    table.row({fmt::format("{}", i + 1), with_ties(ranking.kinds[i]), format(plan.best_known()), band(e.step),
               format_count(f.tokens_per_second), format_percent(f.mfu), format_percent(f.mfu_full_square),
               format(e.memory.total()), f.cost ? format(*f.cost) : "-",
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

std::string ranked_by(const Ranking& ranking) {
  if (ranking.simulated == 0) {
    return fmt::format(
        "Ranked by the closed form: a step of a listed plan would be a simulation of {} tasks; {} are the most.",
        ranking.too_large, simulation_limit);
  }
  constexpr double worth_saying = 0.03;
  std::vector<std::string> differ;
  for (std::size_t i = 0; i < ranking.kinds.size(); ++i) {
    const double difference = ranking.kinds[i].best.difference();
    if (std::abs(difference) > worth_saying) differ.push_back(fmt::format("#{} by {:+.1f} %", i + 1, 100 * difference));
  }
  return "Ranked by simulation. It differs from the closed form by " +
         (differ.empty() ? "3 % or less for each of them." : "more than 3 %: " + join(differ, ", ") + ".");
}

// Those that the prediction cannot tell from the first.
std::string within_the_band(const Ranking& ranking) {
  const SimulatedPlan& first = ranking.kinds.front().best;
  const double band = first.ranked.estimate.step.high() / first.ranked.estimate.step.median;
  std::vector<std::string> near;
  for (std::size_t i = 1; i < ranking.kinds.size(); ++i) {
    if (ranking.kinds[i].best.best_known() <= band * first.best_known()) near.push_back(fmt::format("#{}", i + 1));
  }
  if (near.empty()) return "";
  return fmt::format(" {} lie{} within the band of #1: the prediction cannot tell them apart.", join(near, ", "),
                     near.size() == 1 ? "s" : "");
}

std::string batches_text(const SearchAnswer& answer) {
  std::string text;
  for (const CheaperBatch& batch : answer.batches)
    text += fmt::format("Global batch {}: a sequence takes {:.0f} % less ({}, {} a step).\n", batch.global_batch,
                        100 * batch.saving, summary(batch.best.plan), format(batch.best.estimate.step.median));
  return text;
}

std::string cost_of_best(const SearchAnswer& answer) {
  const SimulatedPlan& best = answer.ranking.kinds.front().best;
  Estimate e = best.ranked.estimate;
  const SimulatedFigures f = figures(e, best.best_known());
  if (!f.cost) return "At #1: " + cost_text(answer.scenario, e) + ".\n";
  return fmt::format("At #1: cost {} a step, {} a billion tokens.\n", format(*f.cost),
                     format(per_billion_tokens(*e.cost, e) * (*f.cost / *e.cost)));
}

std::string remarks_text(const SearchAnswer& answer) {
  std::string text;
  for (const std::string& remark : remarks_on(answer.scenario.given, answer.ranking.kinds.front().best.ranked.plan))
    text += fmt::format("note: {}\n", remark);
  return text;
}

// The plan against which the closed form says what each choice is worth.
std::string worth_title(const Ranking& ranking) {
  const std::string rule = "(rule of thumb: TP up to the node, then PP, then DP)";
  if (ranking.kinds.front().best.rank == 0) return fmt::format("What each choice is worth in closed form {}:\n", rule);
  const auto first = std::ranges::find_if(ranking.kinds, [](const RankedKind& kind) { return kind.best.rank == 0; });
  const std::string which = first == ranking.kinds.end()
                                ? "its first plan"
                                : fmt::format("its first plan, #{}", first - ranking.kinds.begin() + 1);
  return fmt::format("What each choice is worth in closed form, against {} {}:\n", which, rule);
}

std::string certificate_text(const SearchAnswer& answer, int width) {
  const Certificate& c = answer.result.certificate;
  std::string text =
      fmt::format("Certificate: {} plans in the space = {} priced + {} that do not fit + {} cut by bounds.", c.total,
                  c.evaluated, c.pruned_memory, c.pruned_bound);
  if (!answer.wishes.conditions.empty())
    text += fmt::format(" The space is of plans with {}.", join(condition_texts(answer.wishes), " and "));
  text += fmt::format(" Not in it: {}.", join(beyond_the_space(answer.scenario.given, answer.wishes), "; "));
  return paragraph(text, width);
}

Json to_json(const RankedPlan& ranked) {
  Json json = {{"plan", to_json(ranked.plan)}};
  json.update(to_json(ranked.estimate));
  return json;
}

Json to_json(const std::optional<RankedPlan>& ranked) { return ranked ? to_json(*ranked) : Json(); }

Json to_json(const SimulatedPlan& plan) {
  Json json = to_json(plan.ranked);
  json["simulated"] = Json();
  if (!plan.step) return json;
  const SimulatedFigures f = figures(plan.ranked.estimate, *plan.step);
  json["simulated"] = {{"step_time_s", plan.step->value()},
                       {"tokens_per_s", f.tokens_per_second},
                       {"mfu", f.mfu},
                       {"mfu_full_square", f.mfu_full_square},
                       {"hfu", f.hfu},
                       {"cost_usd", f.cost ? Json(f.cost->value()) : Json()},
                       {"difference", plan.difference()}};
  return json;
}

Json to_json(const RankedKind& kind) {
  Json json = to_json(kind.best);
  json["ties"] = Json::array();
  for (const SimulatedPlan& tie : kind.ties)
    json["ties"].push_back({{"plan", to_json(tie.ranked.plan)},
                            {"step_time_s", tie.ranked.estimate.step.median.value()},
                            {"simulated_step_time_s", tie.step ? Json(tie.step->value()) : Json()}});
  return json;
}

Json to_json(const CheaperBatch& batch) {
  return {{"global_batch", batch.global_batch},
          {"saving", batch.saving},
          {"plan", to_json(batch.best.plan)},
          {"step_time_s", batch.best.estimate.step.median.value()}};
}

}  // namespace

std::string to_text(const SearchAnswer& answer, int width) {
  const RankedPlan& best = answer.ranking.kinds.front().best.ranked;
  return headline(answer.scenario.given) + "\n" + plans_table(answer.ranking, width) + "\n" +
         paragraph(ranked_by(answer.ranking) + within_the_band(answer.ranking), width) + batches_text(answer) +
         cost_of_best(answer) + remarks_text(answer) +
         "\nThe best plan, where the time of its slowest stage goes in closed form:\n" +
         breakdown_table(best.estimate.breakdown, best.estimate.step.median, band_note(best.estimate.step), width) +
         "\nMemory of its fullest device:\n" + memory_table(best.estimate.memory, width) + "\n" +
         worth_title(answer.ranking) + worth_table(answer.result, width) + "\n" + certificate_text(answer, width) +
         sources(answer.scenario);
}

std::string json_text(const SearchAnswer& answer) {
  Json json = to_json(answer.scenario.given);
  json["ranked_by"] = answer.ranking.simulated > 0 ? "simulation" : "closed form";
  json["remarks"] = remarks_on(answer.scenario.given, answer.ranking.kinds.front().best.ranked.plan);
  json["plans"] = Json::array();
  for (const RankedKind& kind : answer.ranking.kinds) json["plans"].push_back(to_json(kind));
  json["without"] = Json::array();
  for (const LeftOut& left : answer.result.left_out)
    json["without"].push_back({{"feature", to_string(left.feature)}, {"best", to_json(left.best)}});
  json["rule_of_thumb"] = to_json(answer.result.rule_of_thumb);
  json["cheaper_batches"] = Json::array();
  for (const CheaperBatch& batch : answer.batches) json["cheaper_batches"].push_back(to_json(batch));
  json["certificate"] = to_json(answer.result.certificate);
  json["conditions"] = condition_texts(answer.wishes);
  json["not_in_the_space"] = beyond_the_space(answer.scenario.given, answer.wishes);
  add_sources(json, answer.scenario);
  return indented(json);
}

Json to_json(const Certificate& c) {
  return {{"total", c.total},
          {"evaluated", c.evaluated},
          {"pruned_memory", c.pruned_memory},
          {"pruned_bound", c.pruned_bound}};
}

}  // namespace forerun
