#include "reports/key_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/table.hpp"
#include "costmodel/stacks/stack_fields.hpp"
#include "hardware/cluster_fields.hpp"
#include "hardware/device_fields.hpp"
#include "reports/json_text.hpp"
#include "strategies/plan/plan_fields.hpp"
#include "strategies/plan/plan_file.hpp"
#include "workloads/jobs/job_fields.hpp"
#include "workloads/models/model_fields.hpp"

namespace forerun {
namespace {

using fields::Info;
using Json = nlohmann::ordered_json;

// Without the keys inside a map that has a table of its own.
std::vector<Info> outside(const std::string& map, std::vector<Info> keys) {
  std::erase_if(keys, [&](const Info& info) { return info.key.starts_with(map + "."); });
  return keys;
}

std::string markdown_row(const Info& info) {
  return fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", info.key, info.words.kind, info.words.unit,
                     info.words.range, info.otherwise, info.what);
}

std::string text_of(const KeyTable& keys, int width) {
  Table table({{"key", Align::left},
               {"kind", Align::left},
               {"unit", Align::left, 3},
               {"range", Align::left, 2},
               {"default", Align::left, 1},
               {"what", Align::left}});
  for (const Info& info : keys.keys)
    table.row({info.key, info.words.kind, info.words.unit, info.words.range, info.otherwise, info.what});
  return fmt::format("{}: {}\n\n{}", keys.name, keys.what, table.text(width));
}

}  // namespace

const std::vector<KeyTable>& key_tables() {
  static const std::vector<KeyTable> tables{
      {"file", "a plan file, as `forerun plan --save` writes it", outside("job", outside("plan", plan_file_keys()))},
      {"plan", "`plan:` of a plan file", plan_fields().infos()},
      {"job", "`job:` of a plan file", job_fields().infos()},
      {"stack", "a file of a software stack; `fitted:` beside them is what `forerun fit --stack` writes",
       stack_fields().infos()},
      {"cluster", "a file of a cluster", outside("nodes[].device", cluster_fields().infos())},
      {"device", "a file of a device, and `device:` of a cluster", device_fields().infos()},
      {"model", "a file of a model", model_fields().infos()}};
  return tables;
}

Json to_json(const KeyTable& table) {
  Json list = Json::array();
  for (const Info& info : table.keys) {
    list.push_back({{"key", info.key},
                    {"kind", info.words.kind},
                    {"unit", info.words.unit},
                    {"range", info.words.range},
                    {"default", info.otherwise},
                    {"what", info.what}});
  }
  return list;
}

std::string to_text(const std::vector<KeyTable>& tables, int width) {
  std::string text;
  for (const KeyTable& table : tables) text += (text.empty() ? "" : "\n") + text_of(table, width);
  return text;
}

std::string json_text(const std::vector<KeyTable>& tables) {
  Json all = Json::object();
  for (const KeyTable& table : tables) all[table.name] = to_json(table);
  return indented(all);
}

std::string keys_page() {
  std::string page =
      "# Keys\n\nWhat our files may say. This page is what `forerun catalog keys` prints; do not edit it "
      "(`FORERUN_APPROVE=1 ctest -R Golden` writes it).\nKeys of maps within maps are joined by points; `[]` stands "
      "for "
      "each item of a list. Where no default is given, the key may be left out and then says nothing.\n";
  for (const KeyTable& table : key_tables()) {
    page += fmt::format(
        "\n## {}\n\nKeys of {}.\n\n| key | kind | unit | range | default | what |\n|---|---|---|---|---|---|\n",
        table.name, table.what);
    for (const Info& info : table.keys) page += markdown_row(info);
  }
  return page;
}

}  // namespace forerun
