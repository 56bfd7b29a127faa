#include "tests/map/include_map.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string_view>

namespace forerun::map {
namespace {

// What each folder may include besides itself, directly; arrows are transitive.
const std::map<std::string, std::vector<std::string>> arrows = {
    {"base", {}},
    {"hardware", {"base"}},
    {"workloads", {"base"}},
    {"sim", {"base"}},
    {"costmodel", {"hardware", "workloads"}},
    {"strategies", {"costmodel", "sim"}},
    {"runtime", {"workloads"}},
    {"profiler", {"runtime", "costmodel"}},
    {"executor", {"runtime", "strategies"}},
    {"studies", {"strategies"}},
    {"cli", {"profiler", "executor", "studies"}},
    {"bench", {"profiler", "executor", "studies"}},
    {"tests", {"profiler", "executor", "studies", "bench"}},
};

constexpr std::string_view heavy[] = {"yaml-cpp/", "nlohmann/", "boost/", "CLI/", "fmt/", "tbb/", "oneapi/"};

std::set<std::string> reachable(const std::string& folder) {
  std::set<std::string> all{folder};
  for (const auto& next : arrows.at(folder)) all.merge(reachable(next));
  return all;
}

std::string folder_of(const std::string& path) { return path.substr(0, path.find('/')); }
bool is_header(std::string_view path) { return path.ends_with(".hpp") || path.ends_with(".cuh"); }
// UTF-8: bytes that do not continue another.
std::size_t characters(std::string_view line) {
  return static_cast<std::size_t>(
      std::count_if(line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

bool is_source(std::string_view path) { return is_header(path) || path.ends_with(".cpp") || path.ends_with(".cu"); }

struct Include {
  std::string where;  // "path:line"
  std::string header;
  bool quoted;
};

std::vector<Include> includes_of(const std::string& path, const std::string& text) {
  static const std::regex directive(R"re(^\s*#\s*include\s*([<"])([^>"]+)[>"])re");
  std::vector<Include> found;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::smatch match;
    if (!std::regex_search(line, match, directive)) continue;
    found.push_back({path + ":" + std::to_string(number), match[2], match[1] == "\""});
  }
  return found;
}

// "" when the include is as it should be.
std::string complaint_about(const Include& include, const std::string& from) {
  const std::string to = folder_of(include.header);
  if (!arrows.contains(to)) {
    return include.quoted ? "\"" + include.header + "\" does not start with a folder of the map" : "";
  }
  if (reachable(from).contains(to)) return "";
  return from + " must not include " + to + " (\"" + include.header + "\")";
}

// Tests keep deliberately odd sources of their own here: another project, a program that fuzz targets link.
bool stands_alone(const std::string& path) { return path.starts_with("tests/package/"); }

}  // namespace

Tree read_tree(const std::filesystem::path& root) {
  namespace fs = std::filesystem;
  Tree tree;
  for (fs::recursive_directory_iterator entry(root), end; entry != end; ++entry) {
    const std::string name = entry->path().filename();
    if (entry->is_directory() && (name.starts_with(".") || name.starts_with("build"))) {
      entry.disable_recursion_pending();
    } else if (entry->is_regular_file() && (is_source(name) || name == "README.md")) {
      std::ifstream in(entry->path());
      tree[entry->path().lexically_relative(root)] = {std::istreambuf_iterator<char>(in), {}};
    }
  }
  return tree;
}

Complaints forbidden_arrows(const Tree& tree) {
  Complaints complaints;
  for (const auto& [path, text] : tree) {
    if (!is_source(path) || stands_alone(path)) continue;
    const std::string from = folder_of(path);
    if (!arrows.contains(from)) {
      complaints.push_back(path + ":1: " + from + " is not on the map");
      continue;
    }
    for (const auto& include : includes_of(path, text)) {
      const std::string complaint = complaint_about(include, from);
      if (!complaint.empty()) complaints.push_back(include.where + ": " + complaint);
    }
  }
  return complaints;
}

Complaints heavy_headers(const Tree& tree) {
  Complaints complaints;
  for (const auto& [path, text] : tree) {
    if (!is_header(path) || path.starts_with("tests/")) continue;
    for (const auto& include : includes_of(path, text)) {
      const bool is_heavy = include.header != "nlohmann/json_fwd.hpp" &&
                            include.header != "boost/container/small_vector.hpp" &&
                            std::ranges::any_of(heavy, [&](auto prefix) { return include.header.starts_with(prefix); });
      if (is_heavy) complaints.push_back(include.where + ": " + include.header + " belongs into a .cpp file");
    }
  }
  return complaints;
}

Complaints missing_readmes(const Tree& tree) {
  std::set<std::string> folders;
  for (const auto& [path, text] : tree) {
    if (is_source(path) && path.find('/') != std::string::npos) folders.insert(folder_of(path));
  }
  Complaints complaints;
  for (const auto& folder : folders) {
    const auto readme = tree.find(folder + "/README.md");
    if (readme == tree.end()) {
      complaints.push_back(folder + "/README.md:1: is missing");
      continue;
    }
    int lines = 0;
    std::istringstream in(readme->second);
    for (std::string line; std::getline(in, line);) lines += line.empty() ? 0 : 1;
    if (lines > 12)
      complaints.push_back(readme->first + ":1: has " + std::to_string(lines) + " lines; a screen's corner is 12");
  }
  return complaints;
}

Complaints long_lines(const Tree& tree) {
  constexpr std::size_t limit = 120;  // ColumnLimit
  Complaints complaints;
  for (const auto& [path, text] : tree) {
    if (!is_source(path)) continue;
    std::istringstream in(text);
    int number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      if (characters(line) > limit && line.find("R\"(") == std::string::npos) {
        complaints.push_back(path + ":" + std::to_string(number) + ": has " + std::to_string(characters(line)) +
                             " columns; the limit is 120");
      }
    }
  }
  return complaints;
}

}  // namespace forerun::map
