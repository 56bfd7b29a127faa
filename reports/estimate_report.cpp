#include "reports/estimate_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "reports/breakdown_report.hpp"
#include "reports/json_text.hpp"
#include "reports/memory_report.hpp"
#include "reports/scenario_report.hpp"
#include "reports/traffic_report.hpp"

namespace forerun {

using Json = nlohmann::ordered_json;

std::string step_line(const std::string& step, const SimulatedFigures& f, bool recomputes) {
  return fmt::format("step {}, {} tokens/s, MFU {} (full square {}){}\n", step, format_count(f.tokens_per_second),
                     format_percent(f.mfu), format_percent(f.mfu_full_square),
                     recomputes ? fmt::format(", HFU {}", format_percent(f.hfu)) : "");
}

Dollars per_billion_tokens(Dollars step, const Estimate& e) {
  return step / (e.tokens_per_second * e.step.median.value()) * 1e9;
}

std::string cost_text(const PricedScenario& scenario, const Estimate& e) {
  return e.cost ? fmt::format("cost {} a step, {} a billion tokens", format(*e.cost),
                              format(per_billion_tokens(*e.cost, e)))
                : fmt::format("no cost: {} has no price (`price` in a device's file)", scenario.device().name);
}

std::string to_text(const EstimateAnswer& answer, int width) {
  const Estimate& e = answer.estimate;
  std::string text = headline(answer.scenario.given, answer.plan);
  text += step_line(band(e.step), figures(e, e.step.median), e.breakdown.recompute > Seconds{0});
  text += fmt::format("energy {} a step, {}\n\n", format(e.energy), cost_text(answer.scenario, e));
  text += breakdown_table(e.breakdown, e.step.median, band_note(e.step), width) + "\n";
  text += memory_table(e.memory, width) + "\n";
  text += traffic_table(e.traffic, width) + "\n";
  return text + sources(answer.scenario);
}

std::string json_text(const EstimateAnswer& answer) {
  Json json = headline_json(answer.scenario.given, answer.plan);
  json.update(to_json(answer.estimate));
  add_sources(json, answer.scenario);
  add_no_fit(json, answer.estimate.memory, answer.would_fit);
  return indented(json);
}

Json to_json(const Estimate& e) {
  return {{"step_time_s", e.step.median.value()},
          {"low", e.step.low().value()},
          {"high", e.step.high().value()},
          {"evidence", to_string(e.step.evidence)},
          {"tokens_per_s", e.tokens_per_second},
          {"mfu", e.mfu},
          {"mfu_full_square", e.mfu_full_square},
          {"hfu", e.hfu},
          {"energy_j", e.energy.value()},
          {"cost_usd", e.cost ? Json(e.cost->value()) : Json()},
          {"cost_usd_per_billion_tokens", e.cost ? Json(per_billion_tokens(*e.cost, e).value()) : Json()},
          {"memory", to_json(e.memory)},
          {"breakdown", to_json(e.breakdown)},
          {"bytes", to_json(e.traffic)}};
}

SimulatedFigures figures(const Estimate& closed_form, Seconds step) {
  const double ratio = step / closed_form.step.median;
  return {closed_form.tokens_per_second / ratio,
          closed_form.mfu / ratio,
          closed_form.mfu_full_square / ratio,
          closed_form.hfu / ratio,
          closed_form.cost ? std::optional(*closed_form.cost * ratio) : std::nullopt,
          ratio - 1};
}

}  // namespace forerun
