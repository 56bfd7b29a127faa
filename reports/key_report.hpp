// The keys of our files with their kinds, ranges and defaults: as text, as JSON and as the page docs/keys.md.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/fields/kind.hpp"

namespace forerun {

struct KeyTable {
  std::string name;  // "plan"
  std::string what;  // where such keys stand
  std::vector<fields::Info> keys;
};

const std::vector<KeyTable>& key_tables();

nlohmann::ordered_json to_json(const KeyTable&);  // a list of key, kind, unit, range, default, what
std::string to_text(const std::vector<KeyTable>&, int width);
std::string json_text(const std::vector<KeyTable>&);  // by name
std::string keys_page();  // Markdown, all tables

}  // namespace forerun
