// Conditions and sums over named whole numbers: "pp = 1 or zero <= 1", "kv_heads % (tp * cp) = 0".
//
// Signs, the tightest first: * / %, then + -, then = != < <= > >=, then not, and, or; brackets. A name that has words
// is compared with these: "cp_kind = ulysses". Conditions are 1 and 0; true and false are these. Division by zero is 0.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace forerun {

struct ExpressionName {
  std::string name;
  std::vector<std::string> words;  // of its values from 0; empty: it is a number
};

class Expression {
 public:
  Expression() = default;  // true
  // Problems, without a place: an unknown name or word with a suggestion, a sign that is missing or in the wrong place.
  static Result<Expression> parse(std::string_view text, const std::vector<ExpressionName>& names);

  // `values` of the names, in the order that parse was given.
  [[nodiscard]] std::int64_t value(std::span<const std::int64_t> values) const;
  [[nodiscard]] bool holds(std::span<const std::int64_t> values) const { return value(values) != 0; }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::vector<std::size_t> used() const;  // names, each once, in the order of the text

  bool operator==(const Expression& other) const { return text_ == other.text_; }

  enum class Sign : std::uint8_t {
    number,
    name,
    times,
    over,
    modulo,
    plus,
    minus,
    equal,
    unequal,
    less,
    at_most,
    more,
    at_least,
    negation,
    both,
    either
  };
  struct Step {  // in the order of evaluation, operands before their sign
    Sign sign;
    std::int64_t number = 0;  // of `number`, and the place of a name
  };

 private:
  std::string text_ = "true";
  std::vector<Step> steps_{{Sign::number, 1}};
};

}  // namespace forerun
