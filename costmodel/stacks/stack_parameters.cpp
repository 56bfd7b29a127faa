#include "costmodel/stacks/stack_parameters.hpp"

#include <fmt/format.h>

#include "base/fields/kind.hpp"
#include "base/files/yaml.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

namespace forerun {

#define FIELD(path) [](const Stack& s) { return double{s.path}; }, [](Stack& s, double v) { s.path = v; }
#define TIME(path) [](const Stack& s) { return s.path.value(); }, [](Stack& s, double v) { s.path = Seconds{v}; }
const std::vector<StackParameter>& stack_parameters() {
  static const std::vector<StackParameter> list{
      {"reach.gemm", false, 0.5, 1.5, 0.1, FIELD(reach.gemm)},
      {"reach.attention", false, 0.2, 2, 0.3, FIELD(reach.attention)},
      {"reach.streaming", false, 0.2, 2, 0.3, FIELD(reach.streaming)},
      {"reach.communication", false, 0.2, 1.04, 0.2,
       FIELD(reach.communication)},  // calibrated at 0.96 of the line rate
      {"host.per_kernel", true, 2e-7, 3e-4, 1, TIME(host_per_kernel)},
      {"host.per_step", true, 1e-4, 1, 1, TIME(host_per_step)},
      {"optimizer_passes", false, 0.5, 10, 0.4, FIELD(optimizer_passes)},
      {"contention", false, 0.02, 0.6, 0.5, FIELD(contention)},
      {"overlap.tp_forward", false, 0.05, 1, 0.5, FIELD(overlap.tp_forward)},
      {"overlap.tp_backward", false, 0.05, 1, 0.5, FIELD(overlap.tp_backward)},
      {"overlap.dp", false, 0.05, 1, 0.5, FIELD(overlap.dp)},
      {"overlap.zero3", false, 0.05, 1, 0.5, FIELD(overlap.zero3)},
      {"overlap.pp", false, 0.05, 1, 0.5, FIELD(overlap.pp)},
      {"overlap.ep", false, 0.05, 1, 0.5, FIELD(overlap.ep)}};
  return list;
}
#undef FIELD
#undef TIME

const StackParameter* find_stack_parameter(const std::string& name) {
  for (const StackParameter& p : stack_parameters()) {
    if (name == p.name) return &p;
  }
  return nullptr;
}

namespace {

std::vector<std::string> read_texts(const YamlNode& node) {
  std::vector<std::string> texts;
  fields::list(fields::text()).read(texts, node);
  return texts;
}

std::string flow_texts(const std::vector<std::string>& texts) {
  return fields::flow_yaml(fields::list(fields::text()).write(texts, fields::Defaults::written));
}

}  // namespace

StackFitRecord read_stack_fit(const YamlNode& node) {
  MapReader map = node.map();
  StackFitRecord record;
  record.runs = map.required("runs").text();
  record.date = map.required("date").text();
  record.where = map.optional("where", read_texts).value_or(std::vector<std::string>{});
  record.dropped = static_cast<std::size_t>(
      map.optional("dropped", [](const YamlNode& n) { return n.integer(0, 1 << 30); }).value_or(0));
  record.families = map.optional("families", read_texts).value_or(std::vector<std::string>{});
  record.left_out = map.optional("left_out", [](const YamlNode& n) { return n.number(0, 100); });
  record.spread = map.optional("spread", [](const YamlNode& n) { return n.number(0, 3); });
  MapReader values = map.required("values").map();
  for (const StackParameter& p : stack_parameters()) {
    const auto value = values.optional(p.name, [&p](const YamlNode& n) {
      if (!p.is_time) return n.number(p.low / 2, p.high * 2);
      Seconds time;
      fields::quantity<Seconds>().read(time, n);
      return time.value();
    });
    if (value) record.values.emplace_back(p.name, *value);
  }
  values.finish();
  if (const auto list = map.optional("parameters")) {
    std::vector<std::string> names;
    for (const StackParameter& p : stack_parameters()) names.emplace_back(p.name);
    for (const YamlNode& item : list->items()) record.parameters.push_back(names[item.one_of(names)]);
  } else {
    for (const auto& [name, value] : record.values) record.parameters.push_back(name);
  }
  map.finish();
  return record;
}

std::string to_yaml(const StackFitRecord& record) {
  std::vector<std::string> values;
  for (const auto& [name, value] : record.values) {
    const StackParameter* p = find_stack_parameter(name);
    const std::string text = p != nullptr && p->is_time ? (value < 1e-3 ? fmt::format("{:.4g} us", 1e6 * value)
                                                                        : fmt::format("{:.4g} ms", 1e3 * value))
                                                        : fmt::format("{:.4g}", value);
    values.push_back(fmt::format("{}: {}", name, text));
  }
  std::string text = fmt::format("fitted:\n  runs: {}\n  date: {}\n", yaml_text(record.runs), yaml_text(record.date));
  if (!record.where.empty())
    text += fmt::format("  where: {}\n  dropped: {}\n", flow_texts(record.where), record.dropped);
  if (!record.families.empty()) text += fmt::format("  families: {}\n", flow_texts(record.families));
  if (record.left_out) text += fmt::format("  left_out: {:.3f}\n", *record.left_out);
  if (record.spread) text += fmt::format("  spread: {:.3f}\n", *record.spread);
  return text +
         fmt::format("  parameters: [{}]\n  values: {{{}}}\n", join(record.parameters, ", "), join(values, ", "));
}

void apply(const StackFitRecord& record, Stack& stack) {
  stack.stated_reach = stack.reach;
  for (const auto& [name, value] : record.values) {
    if (const StackParameter* p = find_stack_parameter(name)) p->set(stack, value);
  }
  stack.spread = record.spread;
  stack.fitted_families = record.families;
}

}  // namespace forerun
