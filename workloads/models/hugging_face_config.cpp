#include "workloads/models/hugging_face_config.hpp"

#include <algorithm>
#include <utility>

namespace forerun {

HuggingFaceConfig::HuggingFaceConfig(const YamlNode& root) : root_(root), map_(root.map()) {
  map_.allow_unknown();
  if (!root.is_map()) return;
  for (const auto& [key, value] : root.entries()) present_.push_back(key);
}

bool HuggingFaceConfig::has(const std::string& key) const {
  return std::find(present_.begin(), present_.end(), key) != present_.end();
}

std::optional<YamlNode> HuggingFaceConfig::find(const std::string& key) { return map_.optional(key); }

int HuggingFaceConfig::size(const std::string& key, int most) {
  const auto node = map_.required(key);
  return node.is_missing() ? 1 : static_cast<int>(node.integer(1, most));
}

std::optional<int> HuggingFaceConfig::size_or(const std::string& key, int most, std::optional<int> otherwise,
                                              int least) {
  if (!has(key)) return otherwise;
  const auto node = find(key);
  if (!node) return std::nullopt;
  return static_cast<int>(node->integer(least, most));
}

bool HuggingFaceConfig::flag(const std::string& key, bool otherwise) {
  const auto node = find(key);
  return node ? node->boolean() : otherwise;
}

double HuggingFaceConfig::fraction(const std::string& key, double otherwise) {
  const auto node = find(key);
  return node ? node->number(0, 1) : otherwise;
}

std::string HuggingFaceConfig::text(const std::string& key) {
  const auto node = find(key);
  return node ? node->text() : "";
}

std::optional<std::vector<std::string>> HuggingFaceConfig::words(const std::string& key) {
  const auto node = find(key);
  if (!node) return std::nullopt;
  std::vector<std::string> words;
  for (const auto& item : node->items()) words.push_back(item.text());
  return words;
}

std::vector<int> HuggingFaceConfig::indices(const std::string& key, int most) {
  std::vector<int> indices;
  if (const auto node = find(key)) {
    for (const auto& item : node->items()) indices.push_back(static_cast<int>(item.integer(0, most)));
  }
  return indices;
}

void HuggingFaceConfig::report(const std::string& key, std::string message, std::string hint) {
  const auto node = find(key);
  (node ? *node : root_).report(std::move(message), std::move(hint));
}

}  // namespace forerun
