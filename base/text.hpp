// Small helpers on words: the nearest known word, lists for people.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace forerun {

// The known word nearest to `word` by edit distance (case and '-', '_', ' ', '.' ignored), or "" when none is near
// enough to be a slip (distance at most a third of the word's length, at least 1).
std::string nearest(std::string_view word, const std::vector<std::string>& known);

// "did you mean 'x'?" or, without a near word, "write one of: a, b, c" (at most 12 of them).
std::string suggestion(std::string_view word, const std::vector<std::string>& known);

std::string join(const std::vector<std::string>& words, std::string_view separator);
std::string lower(std::string_view text);  // ASCII letters only

// What a user wrote, in quotes for a message: cut after 60 characters, control characters shown as '?'.
std::string quoted(std::string_view text);
inline std::string quoted(const std::string& text) { return quoted(std::string_view(text)); }  // before std::quoted

// The same word as a YAML scalar: in double quotes, so that nothing in it is taken for syntax.
std::string yaml_text(std::string_view text);

// Characters (UTF-8 code points), which is what columns of positions and tables count.
std::size_t characters(std::string_view text);
std::string_view first_characters(std::string_view text, std::size_t count);
// Lines of at most `width` characters (at least 1), broken at spaces, and within words that are longer.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

}  // namespace forerun
