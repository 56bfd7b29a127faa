#include "base/expression.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/text.hpp"

namespace forerun {
namespace {

using Sign = Expression::Sign;
using Step = Expression::Step;

constexpr std::size_t most_letters = 1000;  // of a text: depth of brackets and of the stack are less
constexpr std::size_t most_operands = 64;

struct Spelling {
  std::string_view text;
  Sign sign;
};
// Each level binds tighter than the one before. Of a level those that begin with another come first.
const std::array<std::vector<Spelling>, 5> levels{{
    {{"or", Sign::either}},
    {{"and", Sign::both}},
    {{"!=", Sign::unequal},
     {"<=", Sign::at_most},
     {">=", Sign::at_least},
     {"=", Sign::equal},
     {"<", Sign::less},
     {">", Sign::more}},
    {{"+", Sign::plus}, {"-", Sign::minus}},
    {{"*", Sign::times}, {"/", Sign::over}, {"%", Sign::modulo}},
}};
constexpr std::size_t comparisons = 2;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

class Parser {
 public:
  Parser(std::string_view text, const std::vector<ExpressionName>& names) : rest_(text), names_(names) {}

  Result<std::vector<Step>> whole() {
    level(0);
    skip();
    if (problems_.empty() && !rest_.empty())
      wrong(fmt::format("cannot read on at {}", quoted(rest_)), "write a sign: = != < <= > >= + - * / % and or");
    if (problems_.empty() && deepest_ > most_operands) wrong("too many brackets within each other", "write it flatter");
    if (!problems_.empty()) return fail(std::move(problems_));
    return std::move(steps_);
  }

 private:
  // What an operand may be compared with: words of a name, or numbers.
  using Words = const std::vector<std::string>*;

  void wrong(std::string message, std::string hint) {
    if (problems_.empty()) problems_.push_back({{}, std::move(message), std::move(hint)});
  }
  void skip() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }
  void add(Step step, int operands) {
    steps_.push_back(step);
    operands_ = operands_ + 1 - static_cast<std::size_t>(operands);
    deepest_ = std::max(deepest_, operands_);
  }
  std::string_view next_word() const {
    std::size_t n = 0;
    while (n < rest_.size() && is_letter(rest_[n])) ++n;
    return rest_.substr(0, n);
  }
  bool take(std::string_view spelling) {
    skip();
    const bool whole_word = is_letter(spelling.front()) ? next_word() == spelling : rest_.starts_with(spelling);
    if (whole_word) rest_.remove_prefix(spelling.size());
    return whole_word;
  }
  std::optional<Sign> sign_of(std::size_t at) {
    for (const Spelling& spelling : levels[at]) {
      if (take(spelling.text)) return spelling.sign;
    }
    return std::nullopt;
  }

  // Operands of one level and the signs between them; returns the words of the only operand.
  Words level(std::size_t at) {
    if (at == levels.size()) return operand(nullptr);
    if (at == comparisons && take("not")) {
      level(at);
      add({Sign::negation}, 1);
      return nullptr;
    }
    Words words = level(at + 1);
    while (problems_.empty()) {
      const std::optional<Sign> sign = sign_of(at);
      if (!sign) return words;
      if (at == comparisons && words != nullptr) {
        operand(words);
      } else {
        if (words != nullptr) wrong("a choice is not a number", "compare it with one of its words");
        if (level(at + 1) != nullptr)
          wrong("a choice is not a number", "write the choice first, its word behind the sign");
      }
      add({*sign}, 2);
      words = nullptr;
    }
    return nullptr;
  }

  // With `words` one of these is wanted.
  Words operand(Words words) {
    skip();
    if (words == nullptr && take("(")) {
      level(0);
      if (!take(")")) wrong("a bracket is not closed", "write )");
      return nullptr;
    }
    const std::string_view word = next_word();
    rest_.remove_prefix(word.size());
    if (word.empty()) {
      wrong(rest_.empty() ? "something is missing at the end" : fmt::format("cannot read {}", quoted(rest_)),
            "write a name or a whole number");
      return nullptr;
    }
    if (words != nullptr) {
      word_of(*words, word);
      return nullptr;
    }
    return number_or_name(word);
  }

  void word_of(const std::vector<std::string>& words, std::string_view word) {
    const auto found = std::ranges::find(words, word);
    if (found == words.end())
      wrong(fmt::format("'{}' is none of its words", word), suggestion(std::string(word), words));
    add({Sign::number, found - words.begin()}, 0);
  }

  Words number_or_name(std::string_view word) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    const bool logical = word == "true" || word == "false";
    if (logical || (error == std::errc{} && end == word.data() + word.size())) {
      add({Sign::number, logical ? word == "true" : number}, 0);
      return nullptr;
    }
    const auto found = std::ranges::find(names_, word, &ExpressionName::name);
    if (found == names_.end()) {
      std::vector<std::string> known;
      for (const ExpressionName& name : names_) known.push_back(name.name);
      wrong(fmt::format("no name '{}'", word), suggestion(std::string(word), known));
      return nullptr;
    }
    add({Sign::name, found - names_.begin()}, 0);
    return found->words.empty() ? nullptr : &found->words;
  }

  std::string_view rest_;
  const std::vector<ExpressionName>& names_;
  std::vector<Step> steps_;
  std::size_t operands_ = 0, deepest_ = 0;
  Problems problems_;
};

// Whole numbers wrap around: no text can make the arithmetic undefined.
std::int64_t wrapped(std::uint64_t value) { return static_cast<std::int64_t>(value); }

std::int64_t apply(Sign sign, std::int64_t a, std::int64_t b) {
  const auto x = static_cast<std::uint64_t>(a), y = static_cast<std::uint64_t>(b);
  const bool divides = b != 0 && b != -1;
  switch (sign) {
    case Sign::times:
      return wrapped(x * y);
    case Sign::over:
      return divides ? a / b : wrapped(b == 0 ? 0 : 0 - x);
    case Sign::modulo:
      return divides ? a % b : 0;
    case Sign::plus:
      return wrapped(x + y);
    case Sign::minus:
      return wrapped(x - y);
    case Sign::equal:
      return a == b;
    case Sign::unequal:
      return a != b;
    case Sign::less:
      return a < b;
    case Sign::at_most:
      return a <= b;
    case Sign::more:
      return a > b;
    case Sign::at_least:
      return a >= b;
    case Sign::both:
      return a != 0 && b != 0;
    case Sign::either:
      return a != 0 || b != 0;
    case Sign::number:
    case Sign::name:
    case Sign::negation:
      break;
  }
  return 0;
}

}  // namespace

Result<Expression> Expression::parse(std::string_view text, const std::vector<ExpressionName>& names) {
  if (text.size() > most_letters)
    return fail(Problem{
        {}, fmt::format("a condition of {} letters", text.size()), fmt::format("write at most {}", most_letters)});
  Result<std::vector<Step>> steps = Parser(text, names).whole();
  if (!steps) return fail(steps.error());
  Expression expression;
  expression.text_ = std::string(text);
  expression.steps_ = *std::move(steps);
  return expression;
}

std::int64_t Expression::value(std::span<const std::int64_t> values) const {
  std::array<std::int64_t, most_operands + 1> stack{};
  std::size_t n = 0;
  for (const Step& step : steps_) {
    if (step.sign == Sign::number) {
      stack[n++] = step.number;
    } else if (step.sign == Sign::name) {
      stack[n++] = values[static_cast<std::size_t>(step.number)];
    } else if (step.sign == Sign::negation) {
      stack[n - 1] = stack[n - 1] == 0;
    } else {
      stack[n - 2] = apply(step.sign, stack[n - 2], stack[n - 1]);
      --n;
    }
  }
  return stack[0];
}

std::vector<std::size_t> Expression::used() const {
  std::vector<std::size_t> places;
  for (const Step& step : steps_) {
    const auto place = static_cast<std::size_t>(step.number);
    if (step.sign == Sign::name && std::ranges::find(places, place) == places.end()) places.push_back(place);
  }
  return places;
}

}  // namespace forerun
