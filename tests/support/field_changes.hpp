// Changes every key of a field table in turn: a row whose member is not read, or not written, is found by its name.
#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "base/fields/table.hpp"

namespace forerun::test {

// Texts of which any kind reads two or more, those of `info` before others.
inline std::vector<std::string> candidates(const fields::Info& info) {
  std::vector<std::string> texts;
  std::string word;
  for (const char c : info.words.range + ",") {
    if (c == ',') {
      texts.push_back(word);
      texts.push_back("[" + word + "]");
      word.clear();
    } else if (c != ' ' || !word.empty()) {
      word += c;
    }
  }
  const std::string unit = info.words.unit.substr(0, info.words.unit.find(','));
  for (const char* number : {"0.25", "1", "1.5", "2", "3", "1000000", "2000000"}) {
    texts.emplace_back(number);
    texts.push_back("[" + std::string(number) + "]");
    texts.push_back(number + (" " + unit));
  }
  texts.insert(texts.end(), {"true", "false", "some words", "[one, two]", "tp = 1", "pp = 1 or dp > 2"});
  return texts;
}

template <class T>
T read_again(const fields::Table<T>& table, const T& object) {
  const auto document = YamlDocument::parse(fields::flow_yaml(table.write(object)), "again.yaml");
  T again = table.read(document->root());
  return document->problems().empty() ? again : T{};
}

// How many values of a key survive being set, written and read, starting from `base`.
template <class T>
std::size_t surviving_values(const fields::Table<T>& table, const T& base, const fields::Info& info) {
  std::string path = info.key;
  for (std::size_t at = path.find("[]"); at != std::string::npos; at = path.find("[]", at)) path.replace(at, 2, ".0");
  std::set<std::string> seen;
  for (const std::string& text : candidates(info)) {
    T changed = base;
    if (!table.set(changed, path, text) || !(read_again(table, changed) == changed)) continue;
    const auto written = table.get(changed, path);
    if (written && (changed == base) == (table.write(changed) == table.write(base)))
      seen.insert(fields::flow_yaml(*written));
  }
  return seen.size();
}

// Every key has two values that survive, starting from one of `bases`; those of `fixed` can hold one value only.
template <class T>
void expect_every_key_to_count(const fields::Table<T>& table, const std::vector<T>& bases,
                               const std::set<std::string>& fixed = {}) {
  for (const fields::Info& info : table.infos()) {
    const bool is_map = info.words.kind == "map" || info.words.kind == "list of maps";
    if (is_map || fixed.contains(info.key)) continue;
    std::size_t most = 0;
    for (const T& base : bases) most = std::max(most, surviving_values(table, base, info));
    EXPECT_GE(most, 2U) << info.key << ": its member is not read, or not written";
  }
}

}  // namespace forerun::test
