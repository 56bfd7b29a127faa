#include "base/text.hpp"

#include <algorithm>
#include <numeric>

namespace forerun {
namespace {

// "H100-SXM" and "h100_sxm" are one word to a person.
std::string letters(std::string_view word) {
  std::string kept = lower(word);
  std::erase_if(kept, [](char c) { return c == '-' || c == '_' || c == ' ' || c == '.'; });
  return kept;
}

// Damerau-Levenshtein: insertions, deletions, replacements and swaps of neighbours each cost one.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> two_above(b.size() + 1), above(b.size() + 1), here(b.size() + 1);
  std::iota(above.begin(), above.end(), 0U);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    here[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      here[j] = std::min({above[j] + 1, here[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) here[j] = std::min(here[j], two_above[j - 2] + 1);
    }
    std::swap(two_above, above);
    std::swap(above, here);
  }
  return above[b.size()];
}

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  constexpr std::size_t longest = 200;  // no known word is longer, and the distance takes quadratic time
  if (word.size() > longest) return "";
  const std::string wanted = letters(word);
  const std::size_t slip = std::max<std::size_t>(1, wanted.size() / 3);
  std::size_t least = std::min(slip + 1, wanted.size());  // with every letter wrong it is another word
  std::string best;
  for (const std::string& candidate : known) {
    const std::size_t distance = candidate.size() > longest ? least : edit_distance(wanted, letters(candidate));
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  constexpr std::size_t most = 12;
  if (const std::string near = nearest(word, known); !near.empty()) return "did you mean '" + near + "'?";
  if (known.empty()) return "";
  const std::size_t shown = std::min(most, known.size());
  std::string list = "write one of: " + join({known.begin(), known.begin() + static_cast<std::ptrdiff_t>(shown)}, ", ");
  if (shown < known.size()) list += " (and " + std::to_string(known.size() - shown) + " more)";
  return list;
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) {
    if (&word != &words.front()) text += separator;
    text += word;
  }
  return text;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::string yaml_text(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string scalar = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      scalar += {'\\', c};
    } else if (byte < 0x20) {
      scalar += {'\\', 'x', digits[byte >> 4U], digits[byte & 15U]};
    } else {
      scalar += c;
    }
  }
  return scalar + "\"";
}

std::string quoted(std::string_view text) {
  constexpr std::size_t most = 60;
  const std::string_view start = first_characters(text, most);
  std::string shown(start);
  std::replace_if(shown.begin(), shown.end(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }, '?');
  return "'" + shown + (start.size() < text.size() ? "…'" : "'");
}

std::size_t characters(std::string_view text) {
  return text.size() - static_cast<std::size_t>(std::count_if(text.begin(), text.end(), continues_character));
}

std::string_view first_characters(std::string_view text, std::size_t count) {
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    if (continues_character(text[end])) continue;
    if (count == 0) break;
    --count;
  }
  return text.substr(0, end);
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (!lines.back().empty() && characters(lines.back()) + 1 + characters(word) > width) lines.emplace_back();
    if (!lines.back().empty()) lines.back() += ' ';
    for (; characters(word) > width; lines.emplace_back()) {
      const std::string_view part = first_characters(word, width);
      lines.back() += part;
      word.remove_prefix(part.size());
    }
    lines.back() += word;
  }
  return lines;
}

}  // namespace forerun
