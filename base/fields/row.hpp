// A row of a field table, whatever its member's type is: functions of the value that the table describes.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields/kind.hpp"
#include "base/files/yaml.hpp"
#include "base/result.hpp"

namespace forerun::fields {

enum class Presence : std::uint8_t {
  required,  // a file without it is refused
  usual,     // may be left out; always written
  rare,      // may be left out; written where it differs from its default
};

template <class T>
struct Row {
  Info info;
  std::vector<Info> inside;
  Presence presence = Presence::usual;
  std::function<void(T&, const YamlNode&)> read;
  std::function<Value(const T&, Defaults)> write;
  std::function<bool(T&, std::string_view path, const YamlNode&)> read_inside;
  Value standard;                              // what write() gives of T{}
  std::function<void(T&)> fallback;            // where a file leaves the key out; empty: the default of T{} stays
  std::function<bool(const T&)> applies;       // empty: always
  std::function<std::string(const T&)> owner;  // of applies: "tuning full", which has no such key
  std::string only;                            // of applies, for people: "tuning: lora or qlora"
  std::function<std::string(const T&)> says;   // its part of the summary; empty: none
};

using Given = std::set<std::string>;  // keys that a file has

// A problem for a key that does not apply.
void refuse(const YamlNode& node, const std::string& owner, const Info& row, const std::string& only);
std::vector<Info> with_inside(const Info& row, const std::vector<Info>& inside);
// A text that is to be the value at a path. Its problems are said of the path, without line and column.
struct Setting {
  YamlDocument document;
  YamlNode node;
};
Result<Setting> parse_setting(std::string_view path, const std::string& text);
Result<void> problems_of(const Setting&, std::string_view path);
Problem no_such_key(std::string_view path, const std::vector<Info>& known);

}  // namespace forerun::fields
