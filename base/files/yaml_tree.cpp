#include "base/files/yaml_tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cassert>
#include <sstream>
#include <string_view>
#include <unordered_map>

#include "base/text.hpp"

namespace forerun {
namespace {

using Node = YamlTreeNode;
using Kind = Node::Kind;

// Columns of yaml-cpp count bytes, ours count characters. Marks come in order, so that one walk over the text serves
// all.
class Locator {
 public:
  Locator(std::string_view text, std::string file) : text_(text), here_{std::move(file), 1, 1} {}

  Position at(const YAML::Mark& mark) {
    const auto target = std::min(static_cast<std::size_t>(std::max(mark.pos, 0)), text_.size());
    if (target < offset_) {
      offset_ = 0;
      here_.line = here_.column = 1;
    }
    for (; offset_ < target; ++offset_) {
      if (text_[offset_] == '\n') {
        ++here_.line;
        here_.column = 1;
      } else {
        here_.column += static_cast<int>(characters(text_.substr(offset_, 1)));
      }
    }
    return here_;
  }

  // What is behind the place that was asked for last.
  [[nodiscard]] std::string rest() const {
    const std::string_view behind = text_.substr(offset_);
    return std::to_string(std::count(behind.begin(), behind.end(), '\n')) + " lines follow";
  }

 private:
  std::string_view text_;
  std::size_t offset_ = 0;
  Position here_;
};

// Leaves the parser, which calls the builder and can be stopped in no other way.
struct Stop {
  Problem problem;
};

class Builder : public YAML::EventHandler {
 public:
  Builder(YamlTree& tree, Locator& locator) : tree_(tree), locator_(locator) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1)
      throw Stop{{locator_.at(mark), "the document has ended before this", "keep one document a file"}};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add(Kind::null, mark); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    // A few lines of aliases can stand for more values than any memory holds.
    tree_.report({add(Kind::missing, mark).at, "aliases ('*name') are not read", "write the value out"});
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& value) override {
    Node& node = add(Kind::scalar, mark);
    node.text = value;
    node.quoted = tag == "!";
    refuse(tag, node);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    refuse(tag, open(Kind::sequence, mark));
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, YAML::EmitterStyle::value) override {
    refuse(tag, open(Kind::map, mark));
  }
  void OnMapEnd() override {
    pair_up(*open_.back());
    open_.pop_back();
  }

 private:
  Node& add(Kind kind, const YAML::Mark& mark) {
    constexpr std::size_t most = 250'000;  // 100 MB of tree; a hundred times the largest file in use
    const Position at = locator_.at(mark);
    if (tree_.nodes.size() == most)
      throw Stop{{at, "the file has more than 250,000 keys and values; " + locator_.rest(),
                  "split it, or check that this is the file you mean"}};
    Node& node = tree_.nodes.emplace_back();
    node.kind = kind;
    node.at = at;
    node.tree = &tree_;
    if (!open_.empty()) {
      node.parent = open_.back();
      open_.back()->children.push_back(&node);
    }
    return node;
  }

  Node& open(Kind kind, const YAML::Mark& mark) {
    constexpr std::size_t deepest = 100;
    Node& node = add(kind, mark);
    if (open_.size() == deepest)
      throw Stop{{node.at, "lists and maps are nested deeper than 100", "check the brackets"}};
    open_.push_back(&node);
    return node;
  }

  void refuse(const std::string& tag, const Node& node) {
    constexpr std::string_view standard = "tag:yaml.org,2002:";  // what "!!" stands for
    if (tag.empty() || tag == "?" || tag == "!") return;         // untagged, untagged, quoted
    const std::string written = tag.starts_with(standard) ? "!!" + tag.substr(standard.size()) : tag;
    tree_.report({node.at, "tags (" + quoted(written) + ") are not read", "remove it"});
  }

  // While a map is open, its children are keys and values in turn.
  void pair_up(Node& map) {
    assert(map.children.size() % 2 == 0 && "yaml-cpp gives every key a value");
    std::unordered_map<std::string_view, const Node*> first;
    std::vector<Node*> values;
    for (std::size_t i = 0; i + 1 < map.children.size(); i += 2) {
      const Node& key = *map.children[i];
      Node& value = *map.children[i + 1];
      if (key.kind != Kind::scalar) {
        tree_.report({key.at, "a key must be one word", "write 'key: value'"});
        continue;
      }
      value.key = key.text;
      value.key_at = key.at;
      if (const auto [known, fresh] = first.emplace(key.text, &key); !fresh) {
        const std::string line = std::to_string(known->second->at.line);
        tree_.report({key.at, "repeated key " + quoted(key.text), "the first is on line " + line});
        continue;
      }
      values.push_back(&value);
    }
    map.children = std::move(values);
  }

  YamlTree& tree_;
  Locator& locator_;
  std::vector<Node*> open_;
  int documents_ = 0;
};

std::string hint_for(std::string_view message, std::string_view line) {
  if (line.substr(0, line.find_first_not_of(" \t")).find('\t') != std::string_view::npos)
    return "indent with spaces, not tabs";
  if (message.find("illegal map value") != std::string_view::npos) return "put a text that holds ': ' in quotes";
  if (message.find("end of map not found") != std::string_view::npos) return "keys of one map start in the same column";
  if (message.find("flow not found") != std::string_view::npos) return "close every '[' and '{'";
  return "check the brackets, quotes and indentation here and on the line above";
}

std::string not_readable(const std::string& file) {
  return file.ends_with(".json") ? "this is not JSON: " : "this is not YAML: ";
}

std::string_view line_of(std::string_view text, int line) {
  for (; line > 1 && !text.empty(); --line) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  return text.substr(0, text.find('\n'));
}

}  // namespace

Result<void> build_tree(YamlTree& tree, const std::string& text) {
  Locator locator(text, tree.file);
  Builder builder(tree, locator);
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    parser.HandleNextDocument(builder);
    if (tree.nodes.empty()) {
      return fail(Problem{{tree.file, 0, 0}, "the file is empty", "there are only comments in it"});
    }
    parser.HandleNextDocument(builder);
  } catch (const Stop& stop) {
    return fail(stop.problem);
  } catch (const YAML::Exception& error) {
    const Position at = locator.at(error.mark);
    return fail(Problem{at, not_readable(tree.file) + error.msg, hint_for(error.msg, line_of(text, at.line))});
  } catch (const std::exception& error) {
    return fail(Problem{{tree.file, 0, 0}, not_readable(tree.file) + error.what(), ""});
  }
  return {};
}

}  // namespace forerun
