// The one reader of YAML (and JSON, which is YAML): positions, unknown and repeated keys, units, "did you mean".
//
// Reading never stops at the first problem: each getter that fails adds a Problem to the document's list and returns
// a default value, and the caller asks `problems()` once at the end. yaml-cpp stays behind this header.
//
//   auto doc = YamlDocument::load(path);                 // Result: unreadable file, not text, syntax
//   MapReader map = doc->root().map();                   // Problem if it is not a map
//   std::string name = map.required("name").text();
//   Bytes capacity = map.required("capacity").quantity<Bytes>();
//   int sms = map.optional("sms", [](YamlNode n) { return n.integer(1, 100000); }).value_or(0);
//   map.finish();                                        // a Problem for each key that nobody asked for
//   if (!doc->problems().empty()) return fail(doc->problems());
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/quantity.hpp"
#include "base/result.hpp"

namespace forerun {

class MapReader;
struct YamlTreeNode;

class YamlNode {
 public:
  [[nodiscard]] bool is_map() const;
  [[nodiscard]] bool is_sequence() const;
  [[nodiscard]] bool is_scalar() const;
  [[nodiscard]] bool is_missing() const;  // what required() returns after it reported the absence, or null
  [[nodiscard]] Position position() const;

  // Getters: on a mismatch they report and return the default of the type (the lower bound for numbers).
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool boolean() const;  // true, false only
  [[nodiscard]] std::int64_t integer(std::int64_t least,
                                     std::int64_t most) const;  // decimal digits only; 012 is refused
  [[nodiscard]] double number(double least, double most) const;
  template <class Q>
  [[nodiscard]] Q quantity() const;  // a number with its unit
  [[nodiscard]] std::vector<YamlNode> items() const;          // of a sequence
  [[nodiscard]] MapReader map() const;
  // Keys and values of a map with free keys, in the order of the file.
  [[nodiscard]] std::vector<std::pair<std::string, YamlNode>> entries() const;

  // One of `names`; reports with a suggestion and returns 0 otherwise. The index is into `names`.
  [[nodiscard]] std::size_t one_of(const std::vector<std::string>& names) const;

  void report(std::string message, std::string hint = "") const;  // a Problem at this node
  [[nodiscard]] std::size_t problem_count() const;                 // of the whole document so far

 private:
  friend class MapReader;
  friend class YamlDocument;
  explicit YamlNode(std::shared_ptr<YamlTreeNode> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<YamlTreeNode> impl_;  // shared with the document, so that a node may outlive it
};

// A map being read: remembers which keys were asked for, so that finish() can name the others.
class MapReader {
 public:
  [[nodiscard]] YamlNode required(const std::string& key);
  [[nodiscard]] std::optional<YamlNode> optional(const std::string& key);  // absent or null: nullopt
  template <class Read>
  auto optional(const std::string& key, Read read) -> std::optional<decltype(read(std::declval<YamlNode>()))> {
    if (auto node = optional(key)) return read(*node);
    return std::nullopt;
  }
  [[nodiscard]] bool has(const std::string& key);  // counts as asked for
  void allow_unknown() { unknown_allowed_ = true; }  // for foreign files (Hugging Face config.json)
  void finish();
  [[nodiscard]] const YamlNode& node() const { return node_; }

 private:
  friend class YamlNode;
  explicit MapReader(YamlNode node) : node_(std::move(node)) {}
  YamlNode node_;
  std::vector<std::string> asked_;
  bool unknown_allowed_ = false;
};

class YamlDocument {
 public:
  // Problems: no such file, a directory, empty, not text (binary), larger than 16 MB, YAML syntax. Repeated keys at any
  // depth and more than one document are reported into problems().
  static Result<YamlDocument> load(const std::string& path);
  static Result<YamlDocument> parse(std::string text, std::string name);

  [[nodiscard]] YamlNode root() const;
  [[nodiscard]] const Problems& problems() const;  // in order of position

 private:
  struct Impl;
  explicit YamlDocument(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace forerun
