#include "reports/simulation/critical_path_report.hpp"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/table.hpp"
#include "base/units.hpp"

namespace forerun {
namespace {

struct Row {
  const char* key;
  const char* label;
  Seconds CriticalPath::* time;  // nullptr: communication, a line a dimension
};
constexpr std::array<Row, 7> rows{{{"compute_s", "compute", &CriticalPath::compute},
                                   {"recompute_s", "recompute", &CriticalPath::recompute},
                                   {"communication_s", "communication", nullptr},
                                   {"optimizer_s", "optimizer", &CriticalPath::optimizer},
                                   {"offload_s", "offload", &CriticalPath::offload},
                                   {"host_s", "host", &CriticalPath::host},
                                   {"waiting_s", "nothing runs", &CriticalPath::waiting}}};

Seconds communication(const CriticalPath& path, Dimension d) { return path.communication[static_cast<std::size_t>(d)]; }

}  // namespace

std::string critical_path_table(const CriticalPath& path, int width) {
  Table table({{"on the critical path", Align::left}, {"time"}, {"share"}});
  const auto add = [&](const std::string& name, Seconds time) {
    if (time > Seconds{0}) table.row({name, format(time), format_percent(time / path.total())});
  };
  for (const Row& row : rows) {
    if (row.time != nullptr) {
      add(row.label, path.*row.time);
    } else {
      for (const Dimension d : all_dimensions)
        add(fmt::format("{} {}", to_string(d), row.label), communication(path, d));
    }
  }
  return table.text(width);
}

nlohmann::ordered_json to_json(const CriticalPath& path) {
  nlohmann::ordered_json json;
  for (const Row& row : rows) {
    if (row.time != nullptr) {
      json[row.key] = (path.*row.time).value();
    } else {
      for (const Dimension d : all_dimensions)
        json[row.key][std::string(to_string(d))] = communication(path, d).value();
    }
  }
  return json;
}

}  // namespace forerun
