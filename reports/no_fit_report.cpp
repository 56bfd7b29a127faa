#include "reports/no_fit_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "reports/json_text.hpp"
#include "reports/memory_report.hpp"
#include "reports/scenario_report.hpp"
#include "reports/search_report.hpp"

namespace forerun {

std::string to_text(const NoFitAnswer& answer, int width) {
  const Advice& advice = answer.advice;
  std::string text =
      fmt::format("{}\nNo plan fits: of {} plans the one that needs least memory is short by {}; {} bind.\n  {}\n{}\n",
                  headline(answer.scenario), answer.certificate.total, format(advice.short_by), advice.binding,
                  summary(answer.nearest.plan), memory_table(answer.nearest.memory, width));
  text += "The smallest changes that would fit:\n";
  for (const Change& change : advice.changes)
    text += fmt::format("  {}: {} ({}{}{})\n", change.what, summary(change.plan), format(change.total),
                        change.host > Bytes{0} ? ", " + format(change.host) + " of a node's memory" : "",
                        change.step ? ", a step takes " + format(*change.step) : "");
  return advice.changes.empty()
             ? text + "  none of offload, more devices, larger devices or shorter sequences is enough\n"
             : text;
}

std::string json_text(const NoFitAnswer& answer) {
  nlohmann::ordered_json json = to_json(answer.scenario);
  json["plans"] = nlohmann::ordered_json::array();
  json["certificate"] = to_json(answer.certificate);
  json["binding"] = answer.advice.binding;
  json["short_by"] = whole_bytes(answer.advice.short_by);
  json["nearest"] = {{"plan", to_json(answer.nearest.plan)}, {"memory", to_json(answer.nearest.memory)}};
  json["would_fit"] = to_json(answer.advice.changes);
  return indented(json);
}

}  // namespace forerun
