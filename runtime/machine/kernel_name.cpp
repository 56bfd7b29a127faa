#include <cxxabi.h>

#include <cctype>
#include <cstdlib>
#include <memory>

#include "runtime/machine/kernel_activity.hpp"

namespace forerun {
namespace {

std::string readable(const std::string& name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status),
                                                         std::free);
  return status == 0 && text != nullptr ? text.get() : name;
}

bool of_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Without its parameters, which begin at the first parenthesis outside <>.
std::string without_parameters(const std::string& name) {
  int depth = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<') ++depth;
    if (name[i] == '>') --depth;
    if (name[i] == '(' && depth == 0 && !std::string_view(name).substr(i).starts_with("(anonymous namespace)"))
      return name.substr(0, i);
  }
  return name;
}

}  // namespace

std::string short_kernel_name(std::string_view full) {
  constexpr std::size_t most = 80;
  std::string name = without_parameters(readable(std::string(full)));
  if (name.starts_with("void ")) name.erase(0, 5);
  std::string text;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const std::string_view rest = std::string_view(name).substr(i);
    if (rest.starts_with("(anonymous namespace)::")) {
      i += std::string_view("(anonymous namespace)::").size() - 1;
    } else if (rest.starts_with("::")) {
      while (!text.empty() && of_name(text.back())) text.pop_back();
      ++i;
    } else if (name[i] == ',' || name[i] == ';') {
      text += '|';
    } else if (name[i] != ' ' && name[i] != '"') {
      text += name[i];
    }
  }
  if (text.size() > most) text.resize(most);
  return text;
}

}  // namespace forerun
