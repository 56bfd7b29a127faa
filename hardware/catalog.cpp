#include "hardware/catalog.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/files/embedded.hpp"
#include "base/files/file_kind.hpp"
#include "base/files/name_or_path.hpp"
#include "base/files/yaml.hpp"
#include "base/text.hpp"

namespace forerun {
namespace {

constexpr std::string_view devices_folder = "hardware/catalog/devices/";
constexpr std::string_view clusters_folder = "hardware/catalog/clusters/";

std::vector<EmbeddedFile> files_in(std::string_view folder) {
  std::vector<EmbeddedFile> files;
  for (const EmbeddedFile& file : embedded_hardware()) {
    if (file.path.starts_with(folder)) files.push_back(file);
  }
  return files;
}

std::string stem(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);
  return std::string(path.substr(0, path.rfind(".yaml")));
}

// "H100-80GB SXM5 (p5.48xlarge)" and "h100_80gb_sxm5" are the same name: what stands in parentheses is a remark.
std::string key_of(std::string_view name) {
  std::string key;
  for (const char c : name.substr(0, name.find('('))) {
    if (c != '-' && c != '_' && c != ' ' && c != '.')
      key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return key;
}

std::vector<std::string> aliases_of(const EmbeddedFile& file) {
  const auto document = YamlDocument::parse(std::string(file.text), std::string(file.path));
  std::vector<std::string> aliases;
  if (!document || !document->root().is_map()) return aliases;
  MapReader map = document->root().map();
  if (const auto node = map.optional("aliases"); node && node->is_sequence()) {
    for (const YamlNode& item : node->items()) aliases.push_back(item.text());
  }
  return aliases;
}

std::vector<std::string> names_in(std::string_view folder) {
  std::vector<std::string> names;
  for (const EmbeddedFile& file : files_in(folder)) names.push_back(stem(file.path));
  std::sort(names.begin(), names.end());
  return names;
}

// File names go before aliases, so that an alias can never hide an entry.
std::optional<EmbeddedFile> lookup(std::string_view folder, const std::string& name) {
  const std::string key = key_of(name);
  const std::vector<EmbeddedFile> files = files_in(folder);
  for (const EmbeddedFile& file : files) {
    if (key_of(stem(file.path)) == key) return file;
  }
  for (const EmbeddedFile& file : files) {
    for (const std::string& alias : aliases_of(file)) {
      if (key_of(alias) == key) return file;
    }
  }
  return std::nullopt;
}

Problem not_found(std::string_view folder, const std::string& what, const std::string& name) {
  std::vector<std::string> known = names_in(folder);
  const std::string list = suggestion(name, known);
  for (const EmbeddedFile& file : files_in(folder)) {
    for (std::string& alias : aliases_of(file)) known.push_back(std::move(alias));
  }
  const std::string near = nearest(name, known);
  return {.at = {},
          .message = "no " + what + " " + quoted(name) + " in the catalogue",
          .hint = near.empty() ? list : "did you mean '" + near + "'?"};
}

template <class Read>
auto read_all(Result<YamlDocument> document, FileKind kind, Read read) -> Result<decltype(read(document->root()))> {
  if (!document) return fail(std::move(document.error()));
  if (Problems wrong = wrong_kind(*document, kind); !wrong.empty()) return fail(std::move(wrong));
  auto value = read(document->root());
  if (!document->problems().empty()) return fail(document->problems());
  return value;
}

Result<YamlDocument> parse(const EmbeddedFile& file) {
  return YamlDocument::parse(std::string(file.text), std::string(file.path));
}

}  // namespace

std::vector<std::string> device_names() { return names_in(devices_folder); }
std::vector<std::string> cluster_names() { return names_in(clusters_folder); }

Result<Device> find_device(const std::string& name) {
  if (is_path(name)) return read_all(YamlDocument::load(name), FileKind::device, read_device);
  if (const auto file = lookup(devices_folder, name)) return read_all(parse(*file), FileKind::device, read_device);
  return fail(not_found(devices_folder, "device", name));
}

Result<Cluster> find_cluster(const std::string& name) {
  if (is_path(name)) return read_all(YamlDocument::load(name), FileKind::cluster, read_cluster);
  if (const auto file = lookup(clusters_folder, name)) return read_all(parse(*file), FileKind::cluster, read_cluster);
  if (lookup(devices_folder, name)) {
    const auto device = find_device(name);
    if (!device) return fail(device.error());
    if (const auto file = lookup(clusters_folder, device->default_cluster))
      return read_all(parse(*file), FileKind::cluster, read_cluster);
  }
  return fail(not_found(clusters_folder, "cluster", name));
}

}  // namespace forerun
