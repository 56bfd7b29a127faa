#include "validation/training/row_filter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.hpp"

namespace forerun {
namespace {

struct Sign {
  std::string_view text;
  Relation relation;
  bool of_numbers, of_texts;
};
// Those that begin with another come first.
constexpr std::array signs{Sign{"==", Relation::equal, true, true},    Sign{"!=", Relation::unequal, true, true},
                           Sign{"<=", Relation::at_most, true, false}, Sign{">=", Relation::at_least, true, false},
                           Sign{"!~", Relation::lacks, false, true},   Sign{"=", Relation::equal, true, true},
                           Sign{"<", Relation::less, true, false},     Sign{">", Relation::more, true, false},
                           Sign{"~", Relation::holds, false, true}};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> parts_of(std::string_view text) {
  constexpr std::string_view separator = " and ";
  std::vector<std::string_view> parts;
  for (std::size_t at = text.find(separator); at != std::string_view::npos; at = text.find(separator)) {
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  parts.push_back(text);
  return parts;
}

Problem not_read(std::string_view text, std::string hint) {
  return {{}, fmt::format("cannot read the condition {}", quoted(text)), std::move(hint)};
}

// The first sign in the text, the longest where several begin there.
std::pair<std::size_t, const Sign*> first_sign(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const Sign& sign : signs) {
      if (text.substr(at).starts_with(sign.text)) return {at, &sign};
    }
  }
  return {text.size(), nullptr};
}

Result<RowCondition> parse(std::string_view text) {
  const auto [at, sign] = first_sign(text);
  if (sign == nullptr)
    return fail(not_read(text, "write a column, one of = != < <= > >= ~ !~, and a value, as in \"pp = 1\""));
  RowCondition condition{.column = std::string(trimmed(text.substr(0, at))),
                         .relation = sign->relation,
                         .text = lower(trimmed(text.substr(at + sign->text.size())))};
  const std::vector<std::string> columns = training_columns();
  if (std::find(columns.begin(), columns.end(), condition.column) == columns.end()) {
    return fail(Problem{
        {}, fmt::format("no column '{}' to choose rows by", condition.column), suggestion(condition.column, columns)});
  }
  const bool is_number = is_number_column(condition.column);
  if (is_number ? !sign->of_numbers : !sign->of_texts) {
    return fail(
        not_read(text, fmt::format("the column '{}' holds {}", condition.column,
                                   is_number ? "numbers: compare by = != < <= > >=" : "texts: compare by = != ~ !~")));
  }
  if (!is_number) return condition;
  const char* end = condition.text.data() + condition.text.size();
  const auto [stop, error] = std::from_chars(condition.text.data(), end, condition.number);
  if (error != std::errc{} || stop != end)
    return fail(not_read(text, fmt::format("{} is not a number", quoted(condition.text))));
  return condition;
}

bool holds(double cell, const RowCondition& c) {
  switch (c.relation) {
    case Relation::equal:
      return cell == c.number;
    case Relation::unequal:
      return cell != c.number;
    case Relation::less:
      return cell < c.number;
    case Relation::at_most:
      return cell <= c.number;
    case Relation::more:
      return cell > c.number;
    case Relation::at_least:
      return cell >= c.number;
    case Relation::holds:
    case Relation::lacks:
      break;
  }
  return false;
}

bool holds(const std::string& cell, const RowCondition& c) {
  const bool equal = cell == c.text, part = cell.find(c.text) != std::string::npos;
  switch (c.relation) {
    case Relation::equal:
      return equal;
    case Relation::unequal:
      return !equal;
    case Relation::holds:
      return part;
    case Relation::lacks:
      return !part;
    default:
      return false;
  }
}

}  // namespace

Result<std::vector<RowCondition>> parse_conditions(std::string_view text) {
  std::vector<RowCondition> list;
  Problems problems;
  for (const std::string_view part : parts_of(text)) {
    Result<RowCondition> condition = parse(trimmed(part));
    if (condition) {
      list.push_back(*std::move(condition));
    } else {
      problems.insert(problems.end(), condition.error().begin(), condition.error().end());
    }
  }
  if (!problems.empty()) return fail(std::move(problems));
  return list;
}

std::string to_string(const RowCondition& condition) {
  const auto sign =
      std::find_if(signs.rbegin(), signs.rend(), [&](const Sign& s) { return s.relation == condition.relation; });
  return fmt::format("{} {} {}", condition.column, sign->text, condition.text);
}

bool fulfils(const TrainingRow& row, const std::vector<RowCondition>& conditions) {
  return std::all_of(conditions.begin(), conditions.end(), [&](const RowCondition& c) {
    if (!is_number_column(c.column)) return holds(lower(text_in(row, c.column)), c);
    const std::optional<double> cell = number_in(row, c.column);
    return cell && holds(*cell, c);
  });
}

}  // namespace forerun
