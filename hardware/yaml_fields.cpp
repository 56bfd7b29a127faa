#include "hardware/yaml_fields.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.hpp"

namespace forerun {

std::vector<std::string> read_words(const YamlNode& node) {
  std::vector<std::string> words;
  for (const YamlNode& item : node.items()) words.push_back(item.text());
  return words;
}

// Words that YAML itself would read as something else are yaml_word too.
std::string yaml_word(const std::string& word) {
  static constexpr std::array reserved{"null", "true", "false", "yes", "no", "on", "off"};
  const auto plain_letter = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; };
  const bool plain = !word.empty() && std::isalpha(static_cast<unsigned char>(word.front())) != 0 &&
                     std::all_of(word.begin(), word.end(), plain_letter) &&
                     std::find(reserved.begin(), reserved.end(), lower(word)) == reserved.end();
  return plain ? word : yaml_text(word);
}

std::string flow_list(const std::vector<std::string>& words) {
  std::vector<std::string> safe(words.size());
  std::transform(words.begin(), words.end(), safe.begin(), yaml_word);
  return "[" + join(safe, ", ") + "]";
}

}  // namespace forerun
