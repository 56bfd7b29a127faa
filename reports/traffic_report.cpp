#include "reports/traffic_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "base/table.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "reports/json_text.hpp"

namespace forerun {
namespace {

struct Row {
  std::string dimension, name;
  Volume volume;
};

std::vector<Row> rows_of(const Traffic& traffic) {
  std::vector<Row> rows;
  for (std::size_t f = 0; f < flow_count; ++f) {
    const auto flow = static_cast<Flow>(f);
    if (traffic[flow].api == Bytes{0}) continue;
    rows.push_back({std::string(to_string(dimension_of(flow))), std::string(name_of(flow)), traffic[flow]});
  }
  return rows;
}

}  // namespace

std::string traffic_table(const Traffic& traffic, int width) {
  const std::vector<Row> rows = rows_of(traffic);
  if (rows.empty()) return "";
  Table table({{"bytes a step", Align::left}, {"API"}, {"wire"}});
  for (const Row& row : rows)
    table.row({row.dimension + " " + row.name, format(row.volume.api), format(row.volume.wire)});
  std::string text = table.text(width);
  const std::string_view words = "API: handed to the calls of one rank; wire: what of it leaves the rank.";
  for (const std::string& line : wrapped(words, static_cast<std::size_t>(width))) text += line + "\n";
  return text;
}

nlohmann::ordered_json to_json(const Traffic& traffic) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const Row& row : rows_of(traffic))
    json[row.dimension][row.name] = {{"api", whole_bytes(row.volume.api)}, {"wire", whole_bytes(row.volume.wire)}};
  return json;
}

}  // namespace forerun
