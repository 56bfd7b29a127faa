#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/table.hpp"
#include "base/units.hpp"
#include "costmodel/stacks/stack_fields.hpp"
#include "reports/catalog/catalog_report.hpp"
#include "reports/json_text.hpp"
#include "reports/value_json.hpp"

namespace forerun {
namespace {

using Json = nlohmann::ordered_json;

double bytes_per_parameter(const Stack& s) {
  const StateBytes state = state_bytes(s.precision, Job{});
  return (state.parameter + state.gradient + state.optimizer).value();
}

Json to_json(const StackFile& file) {
  const Stack s = fitted(file);
  return {{"name", s.name},
          {"aliases", s.aliases},
          {"source", s.source},
          {"zero", s.zero},
          {"sequence_parallel", s.sequence_parallel},
          {"bytes_per_parameter", bytes_per_parameter(s)},
          {"allocator_reserve", s.allocator_reserve},
          {"host_per_kernel_s", s.host_per_kernel.value()},
          {"host_per_step_s", s.host_per_step.value()},
          {"file", forerun::to_json(stack_fields().write(file.stated))}};
}

}  // namespace

std::string to_text(const std::vector<StackFile>& stacks, int width) {
  Table table({{"software", Align::left},
               {"B/parameter"},
               {"ZeRO"},
               {"attention", Align::left},
               {"a kernel", Align::right, 2},
               {"a step", Align::right, 2},
               {"source", Align::left, 3}});
  for (const StackFile& file : stacks) {
    const Stack s = fitted(file);
    table.row({s.name, fmt::format("{:.0f}", bytes_per_parameter(s)), fmt::format("{}", s.zero),
               std::string(to_string(s.attention)), format(s.host_per_kernel), format(s.host_per_step), s.source});
  }
  return table.text(width);
}

std::string details(const StackFile& file) { return to_yaml(file); }

std::string json_text(const std::vector<StackFile>& stacks) {
  Json all = Json::array();
  for (const StackFile& entry : stacks) all.push_back(to_json(entry));
  return indented(all);
}

}  // namespace forerun
