// One table a value: each row is a key with its member, its kind, its default and what it means. Reader, YAML, JSON,
// documentation and suggestions all come from it, so that a field cannot be read and then be lost in writing.
//
//   const Table<Offload>& offload_fields() {
//     static const Table<Offload> table =
//         Table<Offload>()
//             .usual("optimizer", &Offload::optimizer, flag(), "optimiser states live in host memory")
//             .usual("activations", &Offload::activations, flag(), "saved activations live in host memory");
//     return table;
//   }
//
// A member is named by a pointer or by a function from T& to the member; std::identity stands for the whole of T. What
// a row's default is, T{} says. Rows are read in their order.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fields/row.hpp"

namespace forerun::fields {

template <class T>
class Table {
 public:
  template <class Get, class M>
  Table& required(std::string key, Get get, const Kind<M>& kind, std::string what) {
    return add({std::move(key), kind.words, "required", std::move(what)}, Presence::required, get, kind);
  }
  template <class Get, class M>
  Table& usual(std::string key, Get get, const Kind<M>& kind, std::string what) {
    return add({std::move(key), kind.words, "", std::move(what)}, Presence::usual, get, kind);
  }
  template <class Get, class M>
  Table& rare(std::string key, Get get, const Kind<M>& kind, std::string what) {
    return add({std::move(key), kind.words, "", std::move(what)}, Presence::rare, get, kind);
  }
  // The rows of a member's table beside one's own, not in a map of their own.
  template <class Get, class M>
  Table& inlined(Get get, const Table<M>& table);

  // Of the row above: what holds where the key is left out, in words, and how it is found from the keys before it.
  Table& otherwise(std::string words, std::function<void(T&)> fallback = {}) {
    rows_.back().info.otherwise = std::move(words);
    rows_.back().fallback = std::move(fallback);
    return *this;
  }
  // Of the row above: it is a key of some values only. `owner` names a value that does not have it, `words` those that
  // do.
  Table& only(std::function<bool(const T&)> applies, std::function<std::string(const T&)> owner, std::string words) {
    Row<T>& row = rows_.back();
    row.applies = std::move(applies);
    row.owner = std::move(owner);
    row.info.what += " (with " + words + ")";
    row.only = std::move(words);
    return *this;
  }
  // Of the row above: its part of a one-line summary, with what separates it from the part before.
  Table& says(std::function<std::string(const T&)> part) {
    rows_.back().says = std::move(part);
    return *this;
  }
  // Of the row above: no figure depends on it; `reason` says what it is there for.
  Table& label(const std::string& reason) {
    rows_.back().info.what += " (a label: " + reason + ")";
    return *this;
  }
  // Contradictions between keys; asked after all of them were read, problems or not. The map gives their places.
  Table& checked(std::function<void(const T&, MapReader&)> check) {
    checks_.push_back({std::move(check), false});
    return *this;
  }
  // The same, asked only where every key could be read: between stand-ins there are no contradictions to look for.
  Table& checked_where_sound(std::function<void(const T&, MapReader&)> check) {
    checks_.push_back({std::move(check), true});
    return *this;
  }

  [[nodiscard]] T read(const YamlNode& node, Given* given = nullptr) const {
    T object{};
    read_into(object, node, given);
    return object;
  }
  // Keys that the file leaves out stay as they are in `object`.
  void read_into(T& object, const YamlNode& node, Given* given = nullptr) const;

  [[nodiscard]] Value write(const T& object, Defaults rare = Defaults::left_out) const;
  [[nodiscard]] std::string summary(const T& object) const;
  // The parts of the summary of `object` that another does not have, without what separates them.
  [[nodiscard]] std::vector<std::string> summary_beside(const T& other, const T& object) const;
  [[nodiscard]] std::vector<Info> infos() const;  // of maps the row itself, then those inside

  // By path: "offload.optimizer", "network.0.latency".
  [[nodiscard]] Result<Value> get(const T& object, std::string_view path) const;  // nothing: unset, or not applying
  [[nodiscard]] Result<void> set(T& object, std::string_view path, const std::string& text) const;
  bool read_at(T& object, std::string_view path, const YamlNode& node) const;  // false: no such key

  struct Check {
    std::function<void(const T&, MapReader&)> report;
    bool where_sound = false;
  };
  [[nodiscard]] const std::vector<Row<T>>& rows() const { return rows_; }
  [[nodiscard]] const std::vector<Check>& checks() const { return checks_; }

 private:
  template <class Get, class M>
  Table& add(Info info, Presence presence, Get get, const Kind<M>& kind);
  void read_row(const Row<T>& row, T& object, MapReader& map, Given* given) const;

  std::vector<Row<T>> rows_;
  std::vector<Check> checks_;
};

// A value with a table of its own under one key. The table must outlive the kind.
template <class T>
Kind<T> nested(const Table<T>& table) {
  return {.words = {"map", "", ""},
          .read = [&table](T& value, const YamlNode& node) { table.read_into(value, node); },
          .write = [&table](const T& value, Defaults rare) { return table.write(value, rare); },
          .inside = table.infos(),
          .read_inside = [&table](T& value, std::string_view path,
                                  const YamlNode& node) { return table.read_at(value, path, node); }};
}

template <class T>
template <class Get, class M>
Table<T>& Table<T>::add(Info info, Presence presence, Get get, const Kind<M>& kind) {
  Row<T> row{.info = std::move(info), .inside = kind.inside, .presence = presence};
  row.read = [get, read = kind.read](T& object, const YamlNode& node) { read(std::invoke(get, object), node); };
  row.write = [get, write = kind.write](const T& object, Defaults rare) {
    return write(std::invoke(get, object), rare);
  };
  if (kind.read_inside) {
    row.read_inside = [get, inside = kind.read_inside](T& object, std::string_view path, const YamlNode& node) {
      return inside(std::invoke(get, object), path, node);
    };
  }
  row.standard = row.write(T{}, Defaults::left_out);
  const bool shown = presence != Presence::required && kind.inside.empty() && !is_nothing(row.standard);
  if (shown) row.info.otherwise = flow_yaml(row.standard);
  rows_.push_back(std::move(row));
  return *this;
}

template <class T>
template <class Get, class M>
Table<T>& Table<T>::inlined(Get get, const Table<M>& table) {
  const auto of = [get](const auto& inner) {  // a function of the member becomes one of the whole
    return [get, inner](auto& object, auto&&... more) { return inner(std::invoke(get, object), more...); };
  };
  for (const Row<M>& inner : table.rows()) {
    Row<T> row{.info = inner.info, .inside = inner.inside, .presence = inner.presence, .only = inner.only};
    row.read = of(inner.read);
    row.write = of(inner.write);
    if (inner.read_inside) row.read_inside = of(inner.read_inside);
    if (inner.fallback) row.fallback = of(inner.fallback);
    if (inner.applies) row.applies = of(inner.applies);
    if (inner.owner) row.owner = of(inner.owner);
    if (inner.says) row.says = of(inner.says);
    row.standard = row.write(T{}, Defaults::left_out);
    rows_.push_back(std::move(row));
  }
  for (const auto& check : table.checks()) checks_.push_back({of(check.report), check.where_sound});
  return *this;
}

template <class T>
void Table<T>::read_row(const Row<T>& row, T& object, MapReader& map, Given* given) const {
  const bool applies = !row.applies || row.applies(object);
  const bool demanded = applies && row.presence == Presence::required;
  const auto node = demanded ? std::optional(map.required(row.info.key)) : map.optional(row.info.key);
  if (!node || node->is_missing()) {
    if (applies && row.fallback) row.fallback(object);
  } else if (!applies) {
    refuse(*node, row.owner(object), row.info, row.only);
  } else {
    row.read(object, *node);
    if (given != nullptr) given->insert(row.info.key);
  }
}

template <class T>
void Table<T>::read_into(T& object, const YamlNode& node, Given* given) const {
  const std::size_t before = node.problem_count();
  MapReader map = node.map();
  for (const Row<T>& row : rows_) read_row(row, object, map, given);
  const bool sound = node.problem_count() == before;
  for (const Check& check : checks_) {
    if (sound || !check.where_sound) check.report(object, map);
  }
  map.finish();
}

template <class T>
Value Table<T>::write(const T& object, Defaults rare) const {
  Value::Map map;
  for (const Row<T>& row : rows_) {
    Value value = row.write(object, rare);
    if (is_nothing(value) && rare == Defaults::left_out) continue;
    const bool optional =
        (row.presence == Presence::rare && rare == Defaults::left_out) || (row.applies && !row.applies(object));
    if (optional && row.write(object, Defaults::left_out) == row.standard) continue;
    map.emplace_back(row.info.key, std::move(value));
  }
  return {std::move(map)};
}

template <class T>
std::string Table<T>::summary(const T& object) const {
  std::string text;
  for (const Row<T>& row : rows_) text += row.says ? row.says(object) : "";
  return text;
}

template <class T>
std::vector<std::string> Table<T>::summary_beside(const T& other, const T& object) const {
  std::vector<std::string> parts;
  for (const Row<T>& row : rows_) {
    if (!row.says || row.says(object) == row.says(other)) continue;
    std::string part = row.says(object);
    if (part.empty()) part = row.info.key + " " + flow_yaml(row.write(object, Defaults::written));
    part.erase(0, part.find_first_not_of(", "));
    parts.push_back(std::move(part));
  }
  return parts;
}

template <class T>
std::vector<Info> Table<T>::infos() const {
  std::vector<Info> all;
  for (const Row<T>& row : rows_) {
    for (Info& info : with_inside(row.info, row.inside)) all.push_back(std::move(info));
  }
  return all;
}

template <class T>
Result<Value> Table<T>::get(const T& object, std::string_view path) const {
  const Value all = write(object, Defaults::written);
  if (const Value* found = find(all, path)) return *found;
  const std::vector<Info> known = infos();
  const bool unset = std::any_of(known.begin(), known.end(), [&](const Info& info) { return info.key == path; });
  return unset ? Result<Value>(Value{}) : fail(no_such_key(path, known));
}

template <class T>
bool Table<T>::read_at(T& object, std::string_view path, const YamlNode& node) const {
  const auto [key, rest] = split_path(path);
  const auto row = std::find_if(rows_.begin(), rows_.end(), [&](const Row<T>& each) { return each.info.key == key; });
  if (row == rows_.end()) return false;
  if (row->applies && !row->applies(object)) {
    refuse(node, row->owner(object), row->info, row->only);
    return true;
  }
  if (!rest.empty()) return row->read_inside && row->read_inside(object, rest, node);
  row->read(object, node);
  return true;
}

template <class T>
Result<void> Table<T>::set(T& object, std::string_view path, const std::string& text) const {
  const Result<Setting> setting = parse_setting(path, text);
  if (!setting) return fail(setting.error());
  T changed = object;
  if (!read_at(changed, path, setting->node)) return fail(no_such_key(path, infos()));
  const Result<void> sound = problems_of(*setting, path);
  if (sound) object = std::move(changed);
  return sound;
}

}  // namespace forerun::fields
