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

// A room is a folder with sources. What each may include besides itself, directly; arrows are transitive. A row may
// name rows above it only, so there are no circles of rooms.
struct Room {
  std::string name;
  std::vector<std::string> may_include;
};
const std::vector<Room> rooms = {
    {"base", {}},
    {"base/files", {"base"}},
    {"base/fields", {"base/files"}},
    {"hardware", {"base/fields"}},
    {"workloads/models", {"base/fields"}},
    {"workloads/jobs", {"workloads/models"}},
    {"workloads/operators", {"workloads/jobs"}},
    {"sim", {"base"}},
    {"sim/trace", {"sim"}},
    {"costmodel/fitting", {"hardware"}},
    {"costmodel/kernels", {"costmodel/fitting", "workloads/operators"}},
    {"costmodel/collectives", {"costmodel/fitting"}},
    {"costmodel/stacks", {"hardware", "workloads/operators"}},
    {"costmodel", {"costmodel/kernels", "costmodel/collectives", "costmodel/stacks"}},
    {"strategies/plan", {"costmodel"}},
    {"strategies/schedules", {"strategies/plan"}},
    {"strategies/programs", {"strategies/schedules", "sim"}},
    {"strategies/programs/blocks", {"strategies/programs"}},
    {"strategies/programs/steps", {"strategies/programs/blocks"}},
    {"strategies/programs/steps/training", {"strategies/programs/steps"}},
    {"strategies/programs/steps/inference", {"strategies/programs/steps"}},
    {"strategies/closed_form", {"strategies/programs/steps/inference"}},
    {"strategies/simulation",
     {"strategies/programs/steps/training", "strategies/programs/steps/inference", "sim/trace"}},
    {"strategies", {"strategies/closed_form", "strategies/simulation"}},
    {"strategies/search", {"strategies"}},
    {"runtime/machine", {"base"}},
    {"runtime/cpu", {"workloads/operators"}},
    {"runtime", {"runtime/cpu", "runtime/machine"}},
    {"runtime/communication", {"runtime"}},
    {"runtime/cuda", {"runtime/communication"}},
    {"runtime/cuda/kernels", {"runtime/cuda"}},
    {"profiler", {"runtime/communication", "costmodel"}},
    {"executor/ranks", {"runtime/communication", "strategies/programs/steps", "sim/trace"}},
    {"executor/ranks/numbers", {"executor/ranks"}},
    {"executor", {"executor/ranks/numbers", "strategies"}},
    {"validation", {"strategies/search"}},
    {"validation/kernels", {"validation"}},
    {"validation/collectives", {"validation"}},
    {"validation/training", {"validation"}},
    {"reports", {"validation/kernels", "validation/collectives", "validation/training", "executor", "profiler"}},
    {"reports/catalog", {"reports"}},
    {"reports/simulation", {"reports"}},
    {"reports/execution", {"reports"}},
    {"reports/scores", {"reports"}},
    {"reports/fits", {"reports/scores"}},
    {"cli", {"reports/catalog", "reports/simulation", "reports/execution", "reports/fits"}},
    {"bench", {"reports"}},
    {"tests",
     {"reports/catalog", "reports/simulation", "reports/execution", "reports/fits", "bench", "runtime/cuda/kernels"}},
};

constexpr std::string_view heavy[] = {"yaml-cpp/", "nlohmann/", "boost/", "CLI/", "fmt/", "tbb/", "oneapi/"};

// Null: it is not on the map.
const Room* find_room(std::string_view name) {
  const auto found = std::ranges::find(rooms, name, &Room::name);
  return found == rooms.end() ? nullptr : &*found;
}

std::set<std::string> reachable(const std::string& name) {
  std::set<std::string> all{name};
  for (const auto& next : find_room(name)->may_include) all.merge(reachable(next));
  return all;
}

std::string folder_of(const std::string& path) { return path.substr(0, path.find('/')); }
// Folders of tests and of benchmarks are one room each.
std::string room_of(const std::string& path) {
  const std::string top = folder_of(path);
  if (top == "tests" || top == "bench") return top;
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? top : path.substr(0, slash);
}
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
  const std::string top = folder_of(include.header), to = room_of(include.header);
  const bool ours = std::ranges::any_of(rooms, [&](const Room& room) { return folder_of(room.name) == top; });
  if (!ours) return include.quoted ? "\"" + include.header + "\" does not start with a folder of the map" : "";
  if (find_room(to) != nullptr && reachable(from).contains(to)) return "";
  return from + " must not include " + to + " (\"" + include.header + "\")";
}

// A header and its source are one.
std::string node_of(const std::string& path) { return path.substr(0, path.rfind('.')); }

using Graph = std::map<std::string, std::set<std::string>>;

// Nodes that lead back to themselves: what is left when nodes without arrows out, then those without arrows in, are
// taken away again and again.
Graph knot(Graph graph) {
  for (bool changed = true; changed;) {
    changed = std::erase_if(graph, [](const auto& node) { return node.second.empty(); }) > 0;
    std::set<std::string> entered;
    for (const auto& [node, next] : graph) entered.insert(next.begin(), next.end());
    changed |= std::erase_if(graph, [&](const auto& node) { return !entered.contains(node.first); }) > 0;
    for (auto& [node, next] : graph) std::erase_if(next, [&](const auto& to) { return !graph.contains(to); });
  }
  return graph;
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
    } else if (entry->is_regular_file() && (is_source(name) || name.ends_with(".md"))) {
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
    const std::string from = room_of(path);
    if (find_room(from) == nullptr) {
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

Complaints circles(const Tree& tree) {
  Graph graph;
  for (const auto& [path, text] : tree) {
    if (!is_source(path) || stands_alone(path)) continue;
    for (const auto& include : includes_of(path, text)) {
      if (tree.contains(include.header) && node_of(include.header) != node_of(path))
        graph[node_of(path)].insert(node_of(include.header));
    }
  }
  Complaints complaints;
  for (const auto& [node, next] : knot(std::move(graph)))
    complaints.push_back(node + " is on a circle of includes, by " + *next.begin());
  return complaints;
}

std::map<std::string, int> files_by_folder(const Tree& tree) {
  std::map<std::string, int> files;
  for (const auto& [path, text] : tree) {
    if (is_source(path) && path.find('/') != std::string::npos) ++files[path.substr(0, path.rfind('/'))];
  }
  return files;
}

Complaints crowded_folders(const Tree& tree) {
  constexpr int most = 32;
  Complaints complaints;
  for (const auto& [folder, files] : files_by_folder(tree)) {
    if (files > most)
      complaints.push_back(folder + ": has " + std::to_string(files) + " files; the limit is " + std::to_string(most));
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
    if (is_source(path) && path.find('/') != std::string::npos) folders.insert(room_of(path));
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

std::set<std::string> pulled_in(const Tree& tree, const std::string& header) {
  std::set<std::string> seen;
  for (std::vector<std::string> open{header}; !open.empty();) {
    const std::string path = open.back();
    open.pop_back();
    for (const auto& include : includes_of(path, tree.at(path))) {
      if (include.header != header && tree.contains(include.header) && seen.insert(include.header).second)
        open.push_back(include.header);
    }
  }
  return seen;
}

Complaints dead_paths(const Tree& tree) {
  static const std::regex quoted(R"re(`([\w-]+(?:/[\w.-]+)+\.(?:hpp|cpp|cu|cuh))`)re");
  Complaints complaints;
  for (const auto& [path, text] : tree) {
    if (!path.starts_with("docs/")) continue;
    std::istringstream in(text);
    int number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      for (std::sregex_iterator found(line.begin(), line.end(), quoted), end; found != end; ++found) {
        const std::string name = (*found)[1];
        const bool from_root =
            std::ranges::any_of(rooms, [&](const Room& room) { return folder_of(room.name) == folder_of(name); });
        if (from_root && !tree.contains(name))
          complaints.push_back(path + ":" + std::to_string(number) + ": there is no " + name);
      }
    }
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
