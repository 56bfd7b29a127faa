#include "base/files/name_or_path.hpp"

#include <filesystem>

namespace forerun {

bool names_file(std::string_view name) {
  return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

bool is_path(std::string_view name) { return name.find('/') != std::string_view::npos || names_file(name); }

std::string beside(const std::string& name, const std::string& file) {
  if (!is_path(name) || std::filesystem::path(name).is_absolute()) return name;
  const std::filesystem::path path = std::filesystem::path(file).parent_path() / name;
  return names_file(name) || std::filesystem::exists(path) ? path.string() : name;
}

std::string lasting(const std::string& name) {
  if (!is_path(name) || !std::filesystem::exists(name)) return name;
  return std::filesystem::absolute(name).lexically_normal().string();
}

}  // namespace forerun
