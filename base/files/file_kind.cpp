#include "base/files/file_kind.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace forerun {
namespace {

struct Kind {
  std::string_view article_and_name;
  std::vector<std::string_view> keys;  // of this kind alone
  std::string_view place;              // where such a file is named
};

const Kind& traits(FileKind kind) {
  static const std::array<Kind, 6> kinds{{
      {"a plan", {"plan", "job", "cluster"}, "estimate, simulate and execute read plans"},
      {"a model", {"hidden", "blocks", "vocab", "model_type", "num_hidden_layers"}, "name it as the model"},
      {"a cluster", {"nodes", "network"}, "name it as the cluster"},
      {"a device", {"compute", "sms", "launch_overhead", "l2"}, "name it as the device of a cluster's nodes"},
      {"a stack", {"optimizer_passes", "contention", "precision", "supports"}, "name it as the stack"},
      {"a calibration", {"fits", "generation", "networks"}, "give it with --calibration"},
  }};
  return kinds[static_cast<std::size_t>(kind)];
}

// How many of a kind's own keys there are.
std::size_t likeness(const std::vector<std::string>& keys, FileKind kind) {
  const auto& own = traits(kind).keys;
  return static_cast<std::size_t>(
      std::ranges::count_if(keys, [&](const std::string& key) { return std::ranges::find(own, key) != own.end(); }));
}

}  // namespace

Problems wrong_kind(const YamlDocument& document, FileKind wanted) {
  const YamlNode root = document.root();
  if (!root.is_map()) return {};
  std::vector<std::string> keys;
  for (const auto& [key, value] : root.entries()) keys.push_back(key);
  FileKind best = wanted;
  for (const FileKind kind :
       {FileKind::plan, FileKind::model, FileKind::cluster, FileKind::device, FileKind::stack, FileKind::calibration}) {
    if (likeness(keys, kind) > likeness(keys, best)) best = kind;
  }
  if (best == wanted) return {};
  return {{root.position(),
           "this is " + std::string(traits(best).article_and_name) + ", and " +
               std::string(traits(wanted).article_and_name) + " is wanted here",
           std::string(traits(best).place)}};
}

}  // namespace forerun
