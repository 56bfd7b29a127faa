// What the two readers of this folder share: quantities that must not be zero, lists of names, words safe to print as
// YAML.
#pragma once

#include <string>
#include <vector>

#include "base/files/yaml.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

namespace forerun {

// A rate of zero would be divided by later, so it is refused where it is written.
template <class Q>
Q positive(const YamlNode& node) {
  const Q value = node.quantity<Q>();
  const bool readable = node.is_scalar() && parse_quantity<Q>(node.text()).has_value();
  if (readable && !(value > Q{})) node.report(quoted(node.text()) + " must be more than zero");
  return value;
}

std::vector<std::string> read_words(const YamlNode&);              // a list of names
std::string yaml_word(const std::string& word);                       // in quotes unless it is a plain word
std::string flow_list(const std::vector<std::string>& words);      // [a, "b c"]

}  // namespace forerun
