#include "base/fields/value.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "base/decimal.hpp"
#include "base/text.hpp"

namespace forerun::fields {
namespace {

// Visitors of the variant as one object.
template <class... F>
struct Cases : F... {
  using F::operator()...;
};
template <class... F>
Cases(F...) -> Cases<F...>;

template <class Number>
std::string digits(Number number) {
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, number).ptr};
}

std::string flow_list(const Value::List& list) {
  std::vector<std::string> items(list.size());
  std::transform(list.begin(), list.end(), items.begin(), flow_yaml);
  return "[" + join(items, ", ") + "]";
}

std::string flow_map(const Value::Map& map) {
  std::vector<std::string> entries;
  for (const auto& [key, value] : map) entries.push_back(yaml_scalar(key) + ": " + flow_yaml(value));
  return "{" + join(entries, ", ") + "}";
}

const Value::List* list_of(const Value& value) { return std::get_if<Value::List>(&value.is); }
const Value::Map* map_of(const Value& value) { return std::get_if<Value::Map>(&value.is); }
bool is_scalar(const Value& value) { return list_of(value) == nullptr && map_of(value) == nullptr; }

// A scalar, or a list of scalars.
bool is_flat(const Value& value) {
  const auto* list = list_of(value);
  return is_scalar(value) || (list != nullptr && std::all_of(list->begin(), list->end(), is_scalar));
}

bool fits_a_line(const Value& value) {
  const auto* map = map_of(value);
  if (map == nullptr) return is_flat(value);
  return std::all_of(map->begin(), map->end(), [](const auto& entry) { return is_flat(entry.second); });
}

std::string block(const Value& value, const std::string& margin) {
  std::string text;
  if (const auto* list = list_of(value)) {
    for (const Value& item : *list) {
      const std::string inside =
          fits_a_line(item) ? margin + "  " + flow_yaml(item) + "\n" : block(item, margin + "  ");
      text += margin + "- " + inside.substr(margin.size() + 2);
    }
  } else if (const auto* map = map_of(value)) {
    for (const auto& [key, each] : *map) {
      text += margin + yaml_scalar(key) + ":";
      text += fits_a_line(each) ? " " + flow_yaml(each) + "\n" : "\n" + block(each, margin + "  ");
    }
  }
  return text;
}

}  // namespace

bool Value::operator==(const Value& other) const { return is == other.is; }

std::pair<std::string_view, std::string_view> split_path(std::string_view path) {
  const std::size_t dot = path.find('.');
  if (dot == std::string_view::npos) return {path, ""};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

const Value* find(const Value& value, std::string_view path) {
  if (path.empty()) return &value;
  const auto [key, rest] = split_path(path);
  if (const auto* map = map_of(value)) {
    const auto found = std::find_if(map->begin(), map->end(), [&](const auto& entry) { return entry.first == key; });
    return found == map->end() ? nullptr : find(found->second, rest);
  }
  if (const auto* list = list_of(value)) {
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
    const bool inside = error == std::errc{} && end == key.data() + key.size() && index < list->size();
    return inside ? find((*list)[index], rest) : nullptr;
  }
  return nullptr;
}

std::string flow_yaml(const Value& value) {
  return std::visit(
      Cases{[](std::monostate) -> std::string { return "null"; },
            [](bool flag) -> std::string { return flag ? "true" : "false"; },
            [](std::int64_t number) { return digits(number); }, [](double number) { return digits(number); },
            [](const std::string& text) { return yaml_scalar(text); },
            [](const Value::List& list) { return flow_list(list); },
            [](const Value::Map& map) { return flow_map(map); }},
      value.is);
}

std::string block_yaml(const Value& value) {
  const auto* map = map_of(value);
  const bool empty = map != nullptr && map->empty();
  return empty || is_flat(value) ? flow_yaml(value) + "\n" : block(value, "");
}

std::string yaml_scalar(std::string_view text) {
  static constexpr std::array reserved{"null", "true", "false", "yes", "no", "on", "off"};
  const auto plain_letter = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '/' || c == ' ';
  };
  const auto starts_well = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '/'; };
  const bool plain = !text.empty() && starts_well(text.front()) && text.back() != ' ' &&
                     std::all_of(text.begin(), text.end(), plain_letter) && number_length(text) != text.size() &&
                     std::find(reserved.begin(), reserved.end(), lower(text)) == reserved.end();
  return plain ? std::string(text) : yaml_text(text);
}

}  // namespace forerun::fields
