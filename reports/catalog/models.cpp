#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/table.hpp"
#include "base/units.hpp"
#include "reports/catalog/catalog_report.hpp"
#include "reports/json_text.hpp"
#include "workloads/models/catalog.hpp"

namespace forerun {
namespace {

using Json = nlohmann::ordered_json;

double deviation(const Model& m) { return static_cast<double>(parameter_count(m)) / m.published->parameters - 1; }

Json to_json(const Model& m) {
  Json json = {{"name", m.name},
               {"aliases", m.aliases},
               {"layers", m.blocks.size()},
               {"hidden", m.hidden},
               {"vocab", m.vocab},
               {"computed_parameters", parameter_count(m)},
               {"active_parameters", active_parameter_count(m)}};
  json["published_parameters"] = m.published ? Json(m.published->parameters) : Json();
  json["published_exactly"] = m.published ? Json(m.published->uncertainty == 0) : Json();
  json["published_uncertainty"] = m.published ? Json(m.published->uncertainty) : Json();
  json["source"] = m.source;
  return json;
}

std::vector<std::string> cells_of(const Model& m) {
  const std::int64_t all = parameter_count(m), active = active_parameter_count(m);
  std::vector<std::string> cells{m.name,
                                 fmt::format("{}", m.blocks.size()),
                                 fmt::format("{}", m.hidden),
                                 fmt::format("{}", m.vocab),
                                 format_count(static_cast<double>(all)),
                                 active == all ? "" : format_count(static_cast<double>(active)),
                                 "",
                                 "",
                                 ""};
  if (m.published) {
    cells[6] = format_count(m.published->parameters);
    cells[7] = fmt::format("{:+.3f} %", 100 * deviation(m));
    cells[8] = m.published->uncertainty == 0 ? "exact" : "printed";
  }
  return cells;
}

}  // namespace

std::string to_text(const std::vector<Model>& models, int width) {
  Table table({{"model", Align::left},
               {"layers"},
               {"hidden", Align::right, 2},
               {"vocab", Align::right, 3},
               {"parameters"},
               {"active", Align::right, 1},
               {"published"},
               {"deviation"},
               {"count is", Align::left, 2}});
  for (const Model& model : models) table.row(cells_of(model));
  return table.text(width);
}

std::string details(const Model& m) {
  std::string text = fmt::format("# {} parameters computed", parameter_count(m));
  if (m.published) {
    text += fmt::format(", {:.0f} published ({}; {})", m.published->parameters,
                        m.published->uncertainty == 0 ? "exact" : fmt::format("+-{:.0f}", m.published->uncertainty),
                        m.published->source);
  }
  return text + "\n" + to_yaml(m);
}

std::string json_text(const std::vector<Model>& models) {
  Json all = Json::array();
  for (const Model& entry : models) all.push_back(to_json(entry));
  return indented(all);
}

}  // namespace forerun
