// What a YAML text says, as a tree that knows the place of each value and key. Behind base/files/yaml.hpp.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "base/problem_list.hpp"

namespace forerun {

struct YamlTree;

struct YamlTreeNode {
  enum class Kind : std::uint8_t { missing, null, scalar, sequence, map };
  Kind kind = Kind::missing;
  bool quoted = false;  // "12" is not a number
  Position at;
  Position key_at;
  std::string key;   // under which it was found; empty for the root and in sequences
  std::string text;  // of a scalar
  std::vector<YamlTreeNode*> children;  // in file order
  const YamlTreeNode* parent = nullptr;
  YamlTree* tree = nullptr;
};

struct YamlTree {
  std::string file;
  std::deque<YamlTreeNode> nodes;  // the root first; a deque, so that pointers stay
  ProblemList problems;  // in order of position

  void report(Problem problem) { problems.add_in_order(std::move(problem)); }
};

// Fills the tree. What makes the rest unreadable comes back; repeated keys, aliases, tags and further documents are
// reported into the tree, without their values.
Result<void> build_tree(YamlTree&, const std::string& text);

}  // namespace forerun
