// Kinds of values that a row of a field table may have: how each is read, written and explained.
#pragma once

#include <charconv>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields/value.hpp"
#include "base/files/yaml.hpp"

namespace forerun::fields {

// What people read of a kind: "size", "B, as 80 GiB", "more than 0".
struct Words {
  std::string kind, unit, range;
};

// A row as the documentation shows it.
struct Info {
  std::string key;  // "tp"; within maps "offload.optimizer", within lists of maps "network[].latency"
  Words words;
  std::string otherwise;  // what holds where a file leaves it out; "required"
  std::string what;
};

enum class Defaults : std::uint8_t { left_out, written };  // of rare keys

template <class M>
struct Kind {
  Words words;
  std::function<void(M&, const YamlNode&)> read;  // a mismatch is reported at the node
  std::function<Value(const M&, Defaults)> write;
  std::vector<Info> inside = {};  // its own keys; those of a list's items begin with "[]."
  // Reads what stands at a path inside the value; false: there is no such key. Empty: nothing is inside.
  std::function<bool(M&, std::string_view path, const YamlNode&)> read_inside = {};
};

Kind<int> integer(int least, int most);
Kind<int> integer_or_unset(int most);  // 1 to most; inside, 0 stands for a key that a file leaves out
Kind<double> number(double least, double most);
Kind<bool> flag();
Kind<std::string> text();
Kind<std::string> word(std::vector<std::string> names);  // one of these
template <class Q>
Kind<Q> quantity();  // between zero and what no machine exceeds
template <class Q>
Kind<Q> positive();  // something is divided by it: zero, and what is next to nothing, is refused as well

// Every value of an enum that counts from 0.
template <class E>
std::vector<E> all_to(E last) {
  std::vector<E> values;
  for (int value = 0; value <= static_cast<int>(last); ++value) values.push_back(static_cast<E>(value));
  return values;
}

// One of these, as to_string(E) names them.
template <class E>
Kind<E> choice(std::vector<E> values) {
  std::vector<std::string> names;
  for (const E value : values) names.emplace_back(to_string(value));
  Kind<std::string> named = word(names);
  return {.words = named.words,
          .read = [values, names](E& value, const YamlNode& node) { value = values[node.one_of(names)]; },
          .write = [](const E& value, Defaults) { return Value{std::string(to_string(value))}; }};
}

// A member that may be unset, which a file says by leaving the key out.
template <class M>
Kind<std::optional<M>> maybe(Kind<M> kind) {
  Kind<std::optional<M>> result{.words = kind.words, .read = {}, .write = {}, .inside = kind.inside};
  result.read = [kind](std::optional<M>& value, const YamlNode& node) { kind.read(value.emplace(), node); };
  result.write = [kind](const std::optional<M>& value, Defaults rare) {
    return value ? kind.write(*value, rare) : Value{};
  };
  if (kind.read_inside) {
    result.read_inside = [kind](std::optional<M>& value, std::string_view path, const YamlNode& node) {
      return kind.read_inside(value ? *value : value.emplace(), path, node);
    };
  }
  return result;
}

// A member of which one value, which no file writes, stands for unset.
template <class M>
Kind<M> unset_as(M unset, Kind<M> kind) {
  kind.write = [unset, write = std::move(kind.write)](const M& value, Defaults rare) {
    return value == unset ? Value{} : write(value, rare);
  };
  return kind;
}

Words list_words(const Words& item);
std::vector<Info> list_infos(const std::vector<Info>& inside);
std::optional<std::size_t> list_index(std::string_view key, std::size_t size);

template <class M>
Kind<std::vector<M>> list(Kind<M> kind) {
  Kind<std::vector<M>> result{
      .words = list_words(kind.words), .read = {}, .write = {}, .inside = list_infos(kind.inside)};
  result.read = [kind](std::vector<M>& values, const YamlNode& node) {
    values.clear();
    for (const YamlNode& item : node.items()) {
      M value{};
      kind.read(value, item);
      values.push_back(std::move(value));
    }
  };
  result.write = [kind](const std::vector<M>& values, Defaults rare) {
    Value::List items;
    for (const M& value : values) items.push_back(kind.write(value, rare));
    return Value{std::move(items)};
  };
  result.read_inside = [kind](std::vector<M>& values, std::string_view path, const YamlNode& node) {
    const auto [key, rest] = split_path(path);
    const auto index = list_index(key, values.size());
    if (!index) return false;
    if (!rest.empty()) return kind.read_inside && kind.read_inside(values[*index], rest, node);
    M value{};
    kind.read(value, node);
    values[*index] = std::move(value);
    return true;
  };
  return result;
}

}  // namespace forerun::fields
