// What the files that read and write a model's YAML share. Not for others: they use workloads/models/model.hpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/files/yaml.hpp"
#include "workloads/models/model.hpp"

namespace forerun::model_yaml {

// Reads whole numbers and remembers whether all could be read: between stand-ins there are no contradictions to look
// for.
class Numbers {
 public:
  int read(const YamlNode& node, int least, int most);
  int required(MapReader& map, const char* key, int least, int most) { return read(map.required(key), least, most); }
  int optional(MapReader& map, const char* key, int least, int most, int otherwise);
  void spoil() { sound_ = false; }
  void join(const Numbers& other) { sound_ = sound_ && other.sound_; }
  [[nodiscard]] bool sound() const { return sound_; }

 private:
  bool sound_ = true;
};

bool flag(MapReader& map, const char* key, bool otherwise = false);
void report(const Problems& problems, const YamlNode& node);

// `hidden` is 0 when it could not be read.
Attention read_attention(const YamlNode& node, int hidden, Numbers& numbers);
Mlp read_mlp(const YamlNode& node, Numbers& numbers);
Moe read_moe(const YamlNode& node, Numbers& numbers);

std::optional<PublishedSize> read_published(const YamlNode& node, Numbers& numbers);
std::string published_yaml(const PublishedSize& size);
std::string yaml_scalar(std::string_view text);

}  // namespace forerun::model_yaml
