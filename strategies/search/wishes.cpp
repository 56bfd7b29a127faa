#include "strategies/search/wishes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "base/text.hpp"
#include "costmodel/stacks/stack_rules.hpp"

namespace forerun {
namespace {

// Names of rules that are keys of a plan: those before what a plan derives from the job.
std::vector<std::string> plan_keys() {
  std::vector<std::string> keys;
  for (std::size_t name = 0; name < static_cast<std::size_t>(RuleName::micro_batches); ++name)
    keys.push_back(rule_names()[name].name);
  return keys;
}

// "tp=8", or a condition: "tp <= 4".
struct Setting {
  std::string key, value;  // of a condition no value
  std::string condition;
};

Result<Setting> read_setting(const std::string& flag, const std::string& text) {
  Setting setting;
  std::size_t end = 0;
  while (end < text.size() &&
         (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_' || text[end] == '.'))
    ++end;
  setting.key = text.substr(0, end);
  std::ranges::replace(setting.key, '.', '_');
  const std::vector<std::string> keys = plan_keys();
  if (std::ranges::find(keys, setting.key) == keys.end())
    return fail(
        Problem{{}, fmt::format("{}: a plan has no key {}", flag, quoted(setting.key)), suggestion(setting.key, keys)});
  setting.condition = setting.key + text.substr(end);
  if (end < text.size() && text[end] == '=') setting.value = text.substr(end + 1);
  if (text.find_first_not_of(' ', end) == std::string::npos || (text[end] == '=' && setting.value.empty()))
    return fail(Problem{{}, fmt::format("{} {} has no value", flag, quoted(text)), "write KEY=VALUE, as tp=8"});
  return setting;
}

Result<Expression> read_condition(const std::string& flag, const Setting& setting, bool holds) {
  Result<Expression> condition =
      Expression::parse(holds ? setting.condition : fmt::format("not ({})", setting.condition), rule_names());
  if (condition) return condition;
  Problems problems = condition.error();
  for (Problem& problem : problems) {
    problem.message = fmt::format("{} {}: {}", flag, setting.condition, problem.message);
    problem.hint = "write KEY=VALUE or a condition, as \"tp <= 4\" or \"pp = 1 or zero <= 1\"; " + problem.hint;
  }
  return fail(std::move(problems));
}

void extend(Wishes& wishes, const Setting& setting) {
  using Value = std::optional<int> Wishes::*;
  static constexpr std::array<std::pair<std::string_view, Value>, 3> numbers{
      {{"micro_batch", &Wishes::micro_batch}, {"etp", &Wishes::etp}, {"sharding_group", &Wishes::sharding_group}}};
  for (const auto& [key, member] : numbers) {
    int number = 0;
    std::from_chars(setting.value.data(), setting.value.data() + setting.value.size(), number);
    if (setting.key == key && number > 0) wishes.*member = number;
  }
  wishes.offload_optimizer |= setting.key == "offload_optimizer" && setting.value == "true";
  wishes.offload_activations |= setting.key == "offload_activations" && setting.value == "true";
}

}  // namespace

Result<Wishes> read_wishes(const std::vector<std::string>& fix, const std::vector<std::string>& forbid, bool offload) {
  Wishes wishes;
  wishes.offload_optimizer = offload;
  Problems problems;
  const auto read = [&](const std::string& flag, const std::string& text, bool holds) {
    const Result<Setting> setting = read_setting(flag, text);
    Result<Expression> condition = setting.and_then([&](const Setting& s) { return read_condition(flag, s, holds); });
    if (condition) {
      wishes.conditions.push_back(*std::move(condition));
      if (holds) extend(wishes, *setting);
    } else {
      problems.insert(problems.end(), condition.error().begin(), condition.error().end());
    }
  };
  for (const std::string& text : fix) read("--fix", text, true);
  for (const std::string& text : forbid) read("--forbid", text, false);
  if (!problems.empty()) return fail(std::move(problems));
  return wishes;
}

}  // namespace forerun
