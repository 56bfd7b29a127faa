#include "cli/arguments.hpp"

#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <charconv>
#include <filesystem>
#include <vector>

#include "base/text.hpp"

namespace forerun::cli {
namespace {

std::vector<std::string> flags_of(const CLI::App& verb) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  return flags;
}

// "forerun plan": how the verb is called.
std::string call_of(const CLI::App& verb) {
  return verb.get_parent() == nullptr ? verb.get_name()
                                      : fmt::format("{} {}", call_of(*verb.get_parent()), verb.get_name());
}

std::string see_help(const CLI::App& verb) { return fmt::format("see {} --help", call_of(verb)); }

// No verb was recognised: its name is misspelled, or there is none.
Problem verb_problem(const CLI::App& app) {
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) verbs.push_back(verb->get_name());
  for (const std::string& argument : app.remaining()) {
    if (argument.starts_with("-"))
      return {{}, fmt::format("there is no flag {}", quoted(argument)), "name a verb first: " + join(verbs, ", ")};
    return {{}, fmt::format("{} has no verb {}", call_of(app), quoted(argument)), suggestion(argument, verbs)};
  }
  return {{}, fmt::format("{} needs a verb", call_of(app)), "write one of: " + join(verbs, ", ")};
}

bool stands_for(const CLI::Option& option, const std::vector<std::string>& suggested) {
  const std::string name = option.get_name();
  return std::find(suggested.begin(), suggested.end(), name) != suggested.end();
}

// "--seq" is "--sequence" cut short; other slips are near by letters.
std::string meant_flag(const std::string& flag, const std::vector<std::string>& flags) {
  std::vector<std::string> longer;
  for (const std::string& each : flags) {
    if (each.starts_with(flag)) longer.push_back(each);
  }
  return longer.size() == 1 ? longer.front() : nearest(flag, flags);
}

// Unknown flags; what follows one is probably its value, so that words without a flag are named only where there is
// none.
Problems unknown_arguments(const CLI::App& verb, std::vector<std::string>& meant) {
  Problems problems;
  const std::vector<std::string> flags = flags_of(verb);
  for (const std::string& argument : verb.remaining()) {
    if (!argument.starts_with("-")) continue;
    const std::string flag = argument.substr(0, argument.find('='));
    meant.push_back(meant_flag(flag, flags));
    problems.push_back(
        {{},
         fmt::format("there is no flag {}", quoted(flag)),
         meant.back().empty() ? suggestion(flag, flags) : fmt::format("did you mean '{}'?", meant.back())});
  }
  if (!problems.empty()) return problems;
  for (const std::string& argument : verb.remaining()) {
    problems.push_back({{}, fmt::format("{} is one argument too many", quoted(argument)), see_help(verb)});
  }
  return problems;
}

Problems missing_arguments(const CLI::App& verb, const std::vector<std::string>& meant) {
  Problems problems;
  for (const CLI::Option* option : verb.get_options()) {
    if (!option->get_required() || option->count() > 0 || stands_for(*option, meant)) continue;
    problems.push_back({{},
                        fmt::format("{} is missing", option->get_name()),
                        fmt::format("give {}: {}", option->get_name(), option->get_description())});
  }
  return problems;
}

Problems repeated_flags(const CLI::App& verb) {
  Problems problems;
  for (const CLI::Option* option : verb.get_options()) {
    const bool is_flag = option->get_expected_max() == 0;
    const bool is_list = option->get_items_expected_max() > 1;
    const bool takes_many = is_list || option->get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
    if (is_flag || takes_many || option->count() <= 1) continue;
    problems.push_back({{}, fmt::format("{} is given {} times", option->get_name(), option->count()), "give it once"});
  }
  return problems;
}

template <class Number>
Number read_number(const std::string& flag, const std::string& text, Number least, Number most, Problems& problems) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = std::is_integral_v<Number>;
  if (end != text.data() + text.size() || text.empty() || error == std::errc::invalid_argument) {
    problems.push_back({{},
                        fmt::format("{} is not a {}number for {}", quoted(text), whole ? "whole " : "", flag),
                        fmt::format("write a {}number between {} and {}", whole ? "whole " : "", least, most)});
  } else if (error != std::errc{} || !(value >= least && value <= most)) {
    problems.push_back({{},
                        fmt::format("{} {} is out of range", flag, text),
                        fmt::format("write a {}number between {} and {}", whole ? "whole " : "", least, most)});
  }
  return value;
}

template <class Number>
CLI::Option* add(CLI::App& verb, const std::string& flag, Number& value, Number least, Number most, Problems& problems,
                 const std::string& description) {
  const auto read = [&value, &problems, flag, least, most](const std::string& text) {
    value = read_number(flag, text, least, most, problems);
  };
  return verb.add_option_function<std::string>(flag, read, description)->type_name("N");
}

}  // namespace

Problems argument_problems(const CLI::App& app, const std::string& reason) {
  const std::vector<const CLI::App*> chosen = app.get_subcommands([](const CLI::App* verb) { return verb->parsed(); });
  if (!chosen.empty()) return argument_problems(*chosen.front(), reason);
  if (!app.get_subcommands({}).empty()) return {verb_problem(app)};
  std::vector<std::string> meant;
  Problems problems = unknown_arguments(app, meant);
  for (const Problems& more : {missing_arguments(app, meant), repeated_flags(app)})
    problems.insert(problems.end(), more.begin(), more.end());
  if (problems.empty()) problems.push_back({{}, reason, see_help(app)});
  return problems;
}

CLI::Option* add_number(CLI::App& verb, const std::string& flag, int& value, int least, int most, Problems& problems,
                        const std::string& description) {
  return add(verb, flag, value, least, most, problems, description);
}

CLI::Option* add_number(CLI::App& verb, const std::string& flag, double& value, double least, double most,
                        Problems& problems, const std::string& description) {
  return add(verb, flag, value, least, most, problems, description);
}

Problems output_problems(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path folder = fs::path(path).parent_path();
  if (path.empty()) return {{{}, "the name of the file to write is empty", "name a file, such as plan.yaml"}};
  if (fs::is_directory(path, ignored)) return {{{path, 0, 0}, "this is a directory", "name a file in it"}};
  if (!folder.empty() && !fs::is_directory(folder, ignored))
    return {
        {{path, 0, 0}, "cannot be written: there is no such folder", "make the folder first, or name another file"}};
  return {};
}

}  // namespace forerun::cli
