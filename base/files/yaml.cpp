#include "base/files/yaml.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/decimal.hpp"
#include "base/files/json_text.hpp"
#include "base/files/text_file.hpp"
#include "base/files/yaml_tree.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

namespace forerun {
namespace {

using Node = YamlTreeNode;
using Kind = Node::Kind;

// The key under which a node, or the list that it is in, was found.
const std::string& label(const Node& node) {
  const Node* named = &node;
  while (named->key.empty() && named->parent != nullptr && named->parent->kind == Kind::sequence) named = named->parent;
  return named->key;
}

std::string for_key(const Node& node) { return label(node).empty() ? "" : " for " + quoted(label(node)); }
std::string name_of(const Node& node) { return label(node).empty() ? "this" : quoted(label(node)); }

std::string_view kind_of(const Node& node) {
  switch (node.kind) {
    case Kind::sequence:
      return "a list";
    case Kind::map:
      return "a map";
    case Kind::scalar:
      return "a single value";
    case Kind::null:
    case Kind::missing:
      return "empty";
  }
  return "";
}

// Reports a node of another kind; an absent node has been reported before.
bool expect(const YamlNode& node, const Node& impl, Kind kind, std::string_view what, std::string hint) {
  if (impl.kind == kind) return true;
  if (impl.kind == Kind::null) {
    node.report(name_of(impl) + " has no value", std::move(hint));
  } else if (impl.kind != Kind::missing) {
    node.report(name_of(impl) + " must be " + std::string(what) + ", not " + std::string(kind_of(impl)),
                std::move(hint));
  }
  return false;
}

bool expect_scalar(const YamlNode& node, const Node& impl) {
  return expect(node, impl, Kind::scalar, "a single value", "write 'key: value'");
}

template <class Number>
std::string range(const std::string& what, Number least, Number most, const std::string& shown_least,
                  const std::string& shown_most) {
  const bool below = least > std::numeric_limits<Number>::lowest(), above = most < std::numeric_limits<Number>::max();
  if (below && above) return what + " between " + shown_least + " and " + shown_most;
  if (below) return what + " of at least " + shown_least;
  if (above) return what + " of at most " + shown_most;
  return what;
}

std::string shown(double number) {
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, number).ptr};
}

}  // namespace

bool YamlNode::is_map() const { return impl_->kind == Kind::map; }
bool YamlNode::is_sequence() const { return impl_->kind == Kind::sequence; }
bool YamlNode::is_scalar() const { return impl_->kind == Kind::scalar; }
bool YamlNode::is_missing() const { return impl_->kind == Kind::missing || impl_->kind == Kind::null; }
Position YamlNode::position() const { return impl_->at; }

void YamlNode::report(std::string message, std::string hint) const {
  impl_->tree->report({impl_->at, std::move(message), std::move(hint)});
}

std::size_t YamlNode::problem_count() const { return impl_->tree->problems.size(); }

std::string YamlNode::text() const { return expect_scalar(*this, *impl_) ? impl_->text : ""; }

bool YamlNode::boolean() const {
  if (!expect_scalar(*this, *impl_)) return false;
  const std::string& text = impl_->text;
  const bool known = !impl_->quoted && (text == "true" || text == "false");
  if (!known)
    report(quoted(text) + " is neither true nor false" + for_key(*impl_), "write true or false, without quotes");
  return known && text == "true";
}

std::int64_t YamlNode::integer(std::int64_t least, std::int64_t most) const {
  if (!expect_scalar(*this, *impl_)) return least;
  const std::string& text = impl_->text;
  const std::string hint = "write " + range("a whole number", least, most, std::to_string(least), std::to_string(most));
  const bool digits = text.find_first_not_of("-0123456789") == std::string::npos && number_length(text) == text.size();
  if (impl_->quoted || text.empty() || !digits) {
    report(quoted(text) + " is not a whole number" + for_key(*impl_),
           hint + " in decimal digits, without leading zeros" + (impl_->quoted ? " and without quotes" : ""));
    return least;
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && value >= least && value <= most) return value;
  report(quoted(text) + " is out of range" + for_key(*impl_), hint);
  return least;
}

double YamlNode::number(double least, double most) const {
  if (!expect_scalar(*this, *impl_)) return least;
  const std::string& text = impl_->text;
  const std::string hint = "write " + range("a number", least, most, shown(least), shown(most));
  if (impl_->quoted || text.empty() || number_length(text) != text.size()) {
    report(quoted(text) + " is not a number" + for_key(*impl_),
           hint + ", such as 12, 0.5 or 1e-5, without a unit" + (impl_->quoted ? " and without quotes" : ""));
    return least;
  }
  const auto value = to_double(text);
  if (value && *value >= least && *value <= most) return *value;
  report(quoted(text) + " is out of range" + for_key(*impl_), hint);
  return least;
}

template <class Q>
Q YamlNode::quantity() const {
  if (!expect_scalar(*this, *impl_)) return Q{};
  const auto value = parse_quantity<Q>(impl_->text);
  if (value) return *value;
  report(value.error().message + for_key(*impl_), value.error().hint);
  return Q{};
}

template Seconds YamlNode::quantity() const;
template Hertz YamlNode::quantity() const;
template Bytes YamlNode::quantity() const;
template Flops YamlNode::quantity() const;
template BytesPerSecond YamlNode::quantity() const;
template FlopsPerSecond YamlNode::quantity() const;
template Joules YamlNode::quantity() const;
template Watts YamlNode::quantity() const;
template Dollars YamlNode::quantity() const;
template DollarsPerSecond YamlNode::quantity() const;

std::vector<YamlNode> YamlNode::items() const {
  std::vector<YamlNode> items;
  if (!expect(*this, *impl_, Kind::sequence, "a list", "write '[a, b]', or a line '- item' for each")) return items;
  for (YamlTreeNode* child : impl_->children) items.push_back(YamlNode({impl_, child}));
  return items;
}

MapReader YamlNode::map() const {
  expect(*this, *impl_, Kind::map, "a map", "write lines of 'key: value'");
  return MapReader(*this);
}

std::vector<std::pair<std::string, YamlNode>> YamlNode::entries() const {
  std::vector<std::pair<std::string, YamlNode>> entries;
  if (!expect(*this, *impl_, Kind::map, "a map", "write lines of 'key: value'")) return entries;
  for (YamlTreeNode* child : impl_->children) entries.emplace_back(child->key, YamlNode({impl_, child}));
  return entries;
}

std::size_t YamlNode::one_of(const std::vector<std::string>& names) const {
  if (!expect_scalar(*this, *impl_)) return 0;
  const auto found = std::find(names.begin(), names.end(), impl_->text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  report(quoted(impl_->text) + " is not a value" + for_key(*impl_), suggestion(impl_->text, names));
  return 0;
}

YamlNode MapReader::required(const std::string& key) {
  if (const auto found = optional(key)) return *found;
  Node& map = *node_.impl_;
  Node& absent = map.tree->nodes.emplace_back();
  absent.at = map.at;
  absent.key = key;
  absent.parent = &map;
  absent.tree = map.tree;
  if (map.kind == Kind::map) {
    const auto null =
        std::find_if(map.children.begin(), map.children.end(), [&](const Node* child) { return child->key == key; });
    if (null != map.children.end()) {
      absent.at = (*null)->key_at;
      YamlNode({node_.impl_, &absent}).report(quoted(key) + " has no value", "write a value behind '" + key + ":'");
    } else {
      const std::string inside = label(map).empty() ? "" : " in " + quoted(label(map));
      node_.report("missing key " + quoted(key) + inside, "add '" + key + ": ...'");
    }
  }
  return YamlNode({node_.impl_, &absent});
}

std::optional<YamlNode> MapReader::optional(const std::string& key) {
  if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) asked_.push_back(key);
  if (node_.impl_->kind != Kind::map) return std::nullopt;
  for (Node* child : node_.impl_->children) {
    if (child->key == key && child->kind != Kind::null) return YamlNode({node_.impl_, child});
  }
  return std::nullopt;
}

bool MapReader::has(const std::string& key) { return optional(key).has_value(); }

void MapReader::finish() {
  if (unknown_allowed_ || node_.impl_->kind != Kind::map) return;
  for (const Node* child : node_.impl_->children) {
    if (std::find(asked_.begin(), asked_.end(), child->key) != asked_.end()) continue;
    const std::string hint = child->tree->problems.would_list(child->key_at) ? suggestion(child->key, asked_) : "";
    child->tree->report({child->key_at, "unknown key " + quoted(child->key), hint});
  }
}

struct YamlDocument::Impl {
  YamlTree tree;
};

Result<YamlDocument> YamlDocument::load(const std::string& path) {
  return read_text_file(path).and_then([&](std::string text) { return parse(std::move(text), path); });
}

Result<YamlDocument> YamlDocument::parse(std::string text, std::string name) {
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);  // a byte order mark
  if (Problems problems = check_text(text, name); !problems.empty()) return fail(std::move(problems));
  if (name.ends_with(".json")) text = yaml_from_json(text);
  auto impl = std::make_shared<Impl>();
  impl->tree.file = std::move(name);
  auto built = build_tree(impl->tree, text);
  if (!built) return fail(std::move(built.error()));
  return YamlDocument(std::move(impl));
}

YamlNode YamlDocument::root() const { return YamlNode({impl_, &impl_->tree.nodes.front()}); }
const Problems& YamlDocument::problems() const { return impl_->tree.problems.problems(); }

}  // namespace forerun
