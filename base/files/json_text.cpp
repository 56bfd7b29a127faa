#include "base/files/json_text.hpp"

#include <optional>

#include "base/text.hpp"

namespace forerun {
namespace {

// The value of "uXXXX" at `i`, or nothing.
std::optional<unsigned> escaped_unit(std::string_view text, std::size_t i) {
  if (i + 5 > text.size() || text[i] != 'u') return std::nullopt;
  unsigned value = 0;
  for (const char c : lower(text.substr(i + 1, 4))) {
    const std::size_t digit = std::string_view("0123456789abcdef").find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    value = value * 16 + static_cast<unsigned>(digit);
  }
  return value;
}

std::string utf8(unsigned code) {
  return {static_cast<char>(0xF0U | (code >> 18U)), static_cast<char>(0x80U | ((code >> 12U) & 0x3FU)),
          static_cast<char>(0x80U | ((code >> 6U) & 0x3FU)), static_cast<char>(0x80U | (code & 0x3FU))};
}

// JSON writes characters beyond 16 bits as two escapes, \ud83d\ude00. Empty where no such pair begins at `i`.
std::string surrogate_pair(std::string_view text, std::size_t i) {
  const auto high = escaped_unit(text, i + 1);
  if (!high || (*high & 0xFC00U) != 0xD800U || i + 7 > text.size() || text[i + 6] != '\\') return "";
  const auto low = escaped_unit(text, i + 7);
  if (!low || (*low & 0xFC00U) != 0xDC00U) return "";
  return utf8(0x10000U + ((*high & 0x3FFU) << 10U) + (*low & 0x3FFU));
}

}  // namespace

std::string yaml_from_json(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  bool inside = false;  // of a string
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') inside = !inside;
    if (inside && text[i] == '\\') {
      const std::string character = surrogate_pair(text, i);
      result += character.empty() ? std::string(text.substr(i, 2)) : character;
      i += character.empty() ? 1 : 11;
    } else {
      result += !inside && text[i] == '\t' ? ' ' : text[i];
    }
  }
  return result;
}

}  // namespace forerun
