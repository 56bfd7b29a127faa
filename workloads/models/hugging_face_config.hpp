// A config.json as its families see it: keys with the defaults that transformers gives them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/files/yaml.hpp"
#include "workloads/models/model.hpp"

namespace forerun {

class HuggingFaceConfig {
 public:
  explicit HuggingFaceConfig(const YamlNode& root);

  // A whole number from 1 to `most`; absence, or null, is a Problem.
  int size(const std::string& key, int most);
  // `otherwise` is for an absent key: transformers reads a null differently.
  std::optional<int> size_or(const std::string& key, int most, std::optional<int> otherwise, int least = 1);
  bool flag(const std::string& key, bool otherwise = false);
  double fraction(const std::string& key, double otherwise = 0);
  std::string text(const std::string& key);                       // "" when absent
  std::optional<std::vector<std::string>> words(const std::string& key);
  std::vector<int> indices(const std::string& key, int most);     // empty when absent

  [[nodiscard]] bool has(const std::string& key) const;           // present, be it null
  void report(const std::string& key, std::string message, std::string hint = "");  // at the key, or at the whole file

 private:
  std::optional<YamlNode> find(const std::string& key);  // absent or null: nullopt
  YamlNode root_;
  MapReader map_;
  std::vector<std::string> present_;
};

// Reads the shapes; problems go to the config's document. `model_type` is one of hugging_face_families().
Model read_family(const std::string& model_type, HuggingFaceConfig& config);
std::vector<std::string> hugging_face_families();

}  // namespace forerun
