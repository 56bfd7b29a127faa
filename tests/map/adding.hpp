// Where in the code something stands that people add, and where docs/adding.md says that it stands.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/map/include_map.hpp"

namespace forerun::map {

// Sources of the product that name something, as code does or as files do (`zb_h2`, `zb-h2`): a word, or what a longer
// one begins with (`zb_h2_schedule`).
std::set<std::string> files_that_name(const Tree&, const std::string& name);

// Lines "* `name`: `file`, `file`" of a page.
struct Example {
  std::string name;
  std::set<std::string> files;

  bool operator==(const Example&) const = default;
};
std::vector<Example> examples(const std::string& page);

}  // namespace forerun::map
