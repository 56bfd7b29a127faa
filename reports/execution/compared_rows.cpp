#include "reports/execution/compared_rows.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/table.hpp"
#include "reports/json_text.hpp"

namespace forerun {

std::string seconds_text(double seconds) {
  return seconds >= 1 ? fmt::format("{:.3f} s", seconds) : fmt::format("{:.2f} ms", 1e3 * seconds);
}
std::string bytes_text(double bytes) { return fmt::format("{:.0f} B", bytes); }
std::string share_text(double share) { return fmt::format("{:.1f} %", 100 * share); }
std::string error_text(const Compared& row) {
  return row.error() ? fmt::format("{:+.1f} %", 100 * *row.error()) : std::string();
}

std::string table_of(const std::string& title, const std::vector<Compared>& rows, std::string (*text)(double),
                     int width) {
  Table table({{title, Align::left}, {"predicted"}, {"measured"}, {"error"}});
  for (const Compared& row : rows) table.row({row.name, text(row.predicted), text(row.measured), error_text(row)});
  return table.text(width);
}

nlohmann::ordered_json to_json(const Compared& row) {
  return {
      {"name", row.name}, {"predicted", row.predicted}, {"measured", row.measured}, {"error", or_null(row.error())}};
}

nlohmann::ordered_json to_json(const std::vector<Compared>& rows) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Compared& row : rows) list.push_back(to_json(row));
  return list;
}

}  // namespace forerun
