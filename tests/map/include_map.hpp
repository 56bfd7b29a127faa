// The map of rooms (docs/design.md, section 2) as rules over the text of a tree, so that a made-up bad tree can try
// them.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace forerun::map {

using Tree = std::map<std::string, std::string>;  // path from the root -> text
using Complaints = std::vector<std::string>;      // "path:line: what is wrong"

// The .hpp, .cpp, .cu, .cuh and .md files under `root`, without build folders and hidden ones.
Tree read_tree(const std::filesystem::path& root);

// Includes whose arrow the map forbids, that do not start at the root, or that come from a room not on the map.
Complaints forbidden_arrows(const Tree&);

// Files that include each other in a circle, a header and its source being one.
Complaints circles(const Tree&);

// Sources of each folder, and folders that have more than a reader can take in.
std::map<std::string, int> files_by_folder(const Tree&);
Complaints crowded_folders(const Tree&);

// Headers that make every file that includes them slow to compile; they belong into .cpp files.
Complaints heavy_headers(const Tree&);

// Rooms that do not open with a README.md of at most 12 lines (blank ones not counted).
Complaints missing_readmes(const Tree&);

// Own headers that a header includes, directly or not.
std::set<std::string> pulled_in(const Tree&, const std::string& header);

// Code that docs/*.md name in `backquotes` by its path from the root, and that is not there.
Complaints dead_paths(const Tree&);

// Lines of code beyond the limit of .clang-format (clang-format 19 has not been run), raw strings apart.
Complaints long_lines(const Tree&);

}  // namespace forerun::map
