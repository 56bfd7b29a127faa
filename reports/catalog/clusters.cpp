#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/table.hpp"
#include "base/units.hpp"
#include "hardware/catalog.hpp"
#include "hardware/cluster_fields.hpp"
#include "reports/catalog/catalog_report.hpp"
#include "reports/json_text.hpp"
#include "reports/value_json.hpp"

namespace forerun {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Cluster& c) {
  Json groups = Json::array();
  for (const NodeGroup& g : c.nodes) {
    groups.push_back({{"device", g.node.device.name},
                      {"devices", g.node.devices},
                      {"fabric_bandwidth", g.node.fabric.link.bandwidth.value()},
                      {"nics", g.node.nics},
                      {"nic_bandwidth", g.node.nic.bandwidth.value()},
                      {"count", g.count}});
  }
  return {{"name", c.name},
          {"aliases", c.aliases},
          {"nodes", groups},
          {"max_gpus", c.max_gpus},
          {"file", forerun::to_json(cluster_fields().write(c))}};
}

}  // namespace

std::string to_text(const std::vector<Cluster>& clusters, int width) {
  Table table({{"cluster", Align::left},
               {"a node"},
               {"of", Align::left},
               {"fabric"},
               {"network ports", Align::left},
               {"at most", Align::right, 1}});
  for (const Cluster& c : clusters) {
    for (const NodeGroup& g : c.nodes) {
      table.row({c.name, fmt::format("{}", g.node.devices), g.node.device.name, format(g.node.fabric.link.bandwidth),
                 g.node.nics > 0 ? fmt::format("{} x {}", g.node.nics, format(g.node.nic.bandwidth)) : "none",
                 c.max_gpus > 0 ? fmt::format("{}", c.max_gpus) : ""});
    }
  }
  return table.text(width);
}

std::string details(const Cluster& cluster) { return to_yaml(cluster); }

std::string json_text(const std::vector<Cluster>& clusters) {
  Json all = Json::array();
  for (const Cluster& entry : clusters) all.push_back(to_json(entry));
  return indented(all);
}

}  // namespace forerun
