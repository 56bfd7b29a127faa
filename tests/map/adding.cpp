#include "tests/map/adding.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <regex>
#include <sstream>
#include <string_view>

namespace forerun::map {
namespace {

bool is_of_product(std::string_view path) {
  constexpr std::array<std::string_view, 3> code{".hpp", ".cpp", ".cu"};
  return !path.starts_with("tests/") && !path.starts_with("bench/") &&
         std::ranges::any_of(code, [&](std::string_view ending) { return path.ends_with(ending); });
}

bool is_alphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

bool has_name(std::string_view text, std::string_view name) {
  for (std::size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    const bool begins = at == 0 || (!is_alphanumeric(text[at - 1]) && text[at - 1] != '_'),
               ends = end == text.size() || !is_alphanumeric(text[end]);
    if (begins && ends) return true;
  }
  return false;
}

}  // namespace

std::set<std::string> files_that_name(const Tree& tree, const std::string& name) {
  std::string in_files = name;
  std::ranges::replace(in_files, '_', '-');
  std::set<std::string> files;
  for (const auto& [path, text] : tree) {
    if (is_of_product(path) && (has_name(text, name) || has_name(text, in_files))) files.insert(path);
  }
  return files;
}

std::vector<Example> examples(const std::string& page) {
  static const std::regex item(R"(\* `([\w:]+)`: (`.*))"), quoted(R"(`([^`]+)`)");
  std::vector<Example> found;
  std::istringstream in(page);
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, item)) continue;
    Example example{match[1], {}};
    const std::string files = match[2];
    for (std::sregex_iterator file(files.begin(), files.end(), quoted), end; file != end; ++file)
      example.files.insert((*file)[1]);
    found.push_back(std::move(example));
  }
  return found;
}

}  // namespace forerun::map
