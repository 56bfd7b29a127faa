#include "reports/memory_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/table.hpp"
#include "base/units.hpp"
#include "reports/json_text.hpp"
#include "reports/scenario_report.hpp"

namespace forerun {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::string memory_table(const MemoryUse& m, int width) {
  Table table({{"memory", Align::left}, {fmt::format("stage {}", m.peak_stage)}, {"share"}});
  const auto add = [&](std::string_view name, Bytes bytes) {
    if (bytes > Bytes{0}) table.row({std::string(name), format(bytes), format_percent(bytes / m.capacity)});
  };
  for (const MemoryCategory& category : memory_categories) add(category.label, m.peak().*category.bytes);
  table.rule();
  add("allocated", m.peak().allocated());
  add("allocator reserve", m.reserve);
  add("context and communicators", m.context);
  table.rule();
  table.row({"total", format(m.total()), format_percent(m.total() / m.capacity)});
  table.row({"capacity", format(m.capacity), ""});
  if (m.host > Bytes{0}) {
    table.rule();
    const bool known = m.host_capacity > Bytes{0};
    table.row({"host memory of a node", format(m.host), known ? format_percent(m.host / m.host_capacity) : ""});
    table.row({"its capacity", known ? format(m.host_capacity) : "not known", ""});
  }
  return table.text(width);
}

Json to_json(const StageMemory& memory) {
  Json json;
  for (const MemoryCategory& category : memory_categories)
    json[std::string(category.key)] = whole_bytes(memory.*category.bytes);
  json["allocated"] = whole_bytes(memory.allocated());
  return json;
}

Json to_json(const MemoryUse& m) {
  Json stages = Json::array();
  for (const StageMemory& stage : m.stages) stages.push_back(to_json(stage));
  return {{"total", whole_bytes(m.total())},
          {"capacity", whole_bytes(m.capacity)},
          {"headroom", whole_bytes(m.headroom())},
          {"fits", m.fits()},
          {"peak_stage", m.peak_stage},
          {"peak", to_json(m.peak())},
          {"reserve", whole_bytes(m.reserve)},
          {"context", whole_bytes(m.context)},
          {"host", whole_bytes(m.host)},
          {"host_capacity", m.host_capacity > Bytes{0} ? Json(whole_bytes(m.host_capacity)) : Json()},
          {"stages", stages}};
}

std::string no_fit_text(const Plan& plan, const MemoryUse& memory, const std::vector<Change>& would_fit) {
  const bool on_device = memory.total() > memory.capacity;
  std::string text = fmt::format("does not fit: short by {}{}; {} bind\n", format(memory.short_by()),
                                 on_device ? fmt::format(" at stage {}", memory.peak_stage) : " of a node's memory",
                                 binding_category(memory));
  for (const Change& change : would_fit)
    text += fmt::format("  would fit: {} ({})\n", change.what, format(change.total));
  if (would_fit.empty()) {
    text += fmt::format(
        "  no recompute, ZeRO level or micro-batch is enough; forerun plan looks for another split of the {} devices\n",
        gpus(plan));
  }
  return text;
}

void add_no_fit(Json& answer, const MemoryUse& memory, const std::vector<Change>& would_fit) {
  if (memory.fits()) return;
  answer["binding"] = binding_category(memory);
  answer["would_fit"] = to_json(would_fit);
}

Json to_json(const std::vector<Change>& changes) {
  Json list = Json::array();
  for (const Change& change : changes)
    list.push_back({{"change", change.what},
                    {"plan", to_json(change.plan)},
                    {"memory_total", whole_bytes(change.total)},
                    {"host_memory", whole_bytes(change.host)},
                    {"step_time_s", change.step ? Json(change.step->value()) : Json()}});
  return list;
}

}  // namespace forerun
