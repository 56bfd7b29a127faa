#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/table.hpp"
#include "base/units.hpp"
#include "hardware/catalog.hpp"
#include "hardware/device_fields.hpp"
#include "reports/catalog/catalog_report.hpp"
#include "reports/json_text.hpp"
#include "reports/value_json.hpp"

namespace forerun {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Device& d) {
  Json peaks = Json::object();
  for (const auto& [dtype, rate] : d.peak) peaks[std::string(to_string(dtype))] = rate.value();
  return {{"name", d.name},
          {"aliases", d.aliases},
          {"vendor", d.vendor},
          {"family", d.family},
          {"dense_peak_flops", peaks},
          {"memory_bytes", d.memory.capacity.value()},
          {"memory_bandwidth", d.memory.bandwidth.value()},
          {"l2_bytes", d.l2.value()},
          {"sms", d.sms},
          {"power_w", d.power.value()},
          {"price_usd_per_h", d.price ? Json(d.price->value() * 3600) : Json()},
          {"cluster", d.default_cluster},
          {"file", forerun::to_json(device_fields().write(d))}};
}

}  // namespace

std::string to_text(const std::vector<Device>& devices, int width) {
  Table table({{"device", Align::left},
               {"family", Align::left, 3},
               {"bf16 dense"},
               {"fp8 dense", Align::right, 2},
               {"memory"},
               {"bandwidth"},
               {"power", Align::right, 4},
               {"price", Align::right, 2},
               {"cluster", Align::left, 5}});
  for (const Device& d : devices) {
    table.row({d.name, d.family, format(peak(d, DType::bf16)),
               d.peak.contains(DType::fp8) ? format(d.peak.at(DType::fp8)) : "", format(d.memory.capacity),
               format(d.memory.bandwidth), format(d.power), d.price ? format(*d.price) : "", d.default_cluster});
  }
  return table.text(width);
}

std::string details(const Device& device) { return to_yaml(device); }

std::string json_text(const std::vector<Device>& devices) {
  Json all = Json::array();
  for (const Device& entry : devices) all.push_back(to_json(entry));
  return indented(all);
}

}  // namespace forerun
