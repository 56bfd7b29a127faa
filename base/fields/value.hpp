// What stands under a key, whatever table it comes from: the tree from which both YAML and JSON are written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace forerun::fields {

struct Value {
  using List = std::vector<Value>;
  using Map = std::vector<std::pair<std::string, Value>>;  // in the order in which it is written

  // monostate: there is nothing (null in a file). Quantities are texts: "80 GiB".
  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Map> is;

  bool operator==(const Value&) const;
};

inline bool is_nothing(const Value& value) { return std::holds_alternative<std::monostate>(value.is); }

// What stands at "offload.optimizer" or "stages.0"; nullptr: no such key.
const Value* find(const Value&, std::string_view path);
// "offload.optimizer": "offload" and "optimizer"; "tp": "tp" and "".
std::pair<std::string_view, std::string_view> split_path(std::string_view path);

// On one line: {tp: 4, sp: true, stages: [8, 8]}. YamlDocument reads the same values back: numbers have the fewest
// digits that do so, and texts are in quotes where YAML could take them for something else.
std::string flow_yaml(const Value&);
// A map with a line for each key; what holds maps itself, or lists of maps, goes over several lines as well. Ends the
// last line.
std::string block_yaml(const Value&);

// The text as one scalar, in quotes unless it is a plain word, path or quantity: llama3.1-8b, /tmp/a.yaml, 80 GiB.
std::string yaml_scalar(std::string_view text);

}  // namespace forerun::fields
