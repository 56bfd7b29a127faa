#include "cli/disturbance_flags.hpp"

#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <charconv>
#include <set>

#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/arguments.hpp"

namespace forerun::cli {
namespace {

constexpr double least_factor = 0.01, most_factor = 1000;

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

// "3=1.3": the texts before and after the sign.
std::pair<std::string_view, std::string_view> split(std::string_view text, char sign) {
  const std::size_t at = text.find(sign);
  return at == std::string_view::npos ? std::pair(text, std::string_view{})
                                      : std::pair(text.substr(0, at), text.substr(at + 1));
}

void read_straggler(const std::string& text, Disturbances& d, Problems& problems) {
  const auto [rank, factor] = split(text, '=');
  const auto who = number<int>(rank);
  const auto how = number<double>(factor);
  if (!who || !how) {
    problems.push_back({{},
                        fmt::format("{} is not a RANK=FACTOR for --straggler", quoted(text)),
                        "write a rank and how many times as long it computes, such as 3=1.3"});
  } else if (!(*how >= least_factor && *how <= most_factor)) {
    problems.push_back({{},
                        fmt::format("--straggler {}: the factor is out of range", text),
                        fmt::format("write a number between {} and {}", least_factor, most_factor)});
  } else {
    d.stragglers.emplace_back(*who, *how);
  }
}

void read_failure(const std::string& text, Disturbances& d, Problems& problems) {
  const auto [rank, time] = split(text, '@');
  const auto who = number<int>(rank);
  if (!who || time.empty()) {
    problems.push_back({{},
                        fmt::format("{} is not a RANK@TIME for --fail", quoted(text)),
                        "write a rank and when it stops, such as 3@2.5s"});
    return;
  }
  const auto when = parse_quantity<Seconds>(time);
  if (!when) {
    problems.push_back({{}, fmt::format("--fail {}: {}", text, when.error().message), when.error().hint});
  } else if (*when > Seconds{1e6}) {
    problems.push_back(
        {{}, fmt::format("--fail {}: the time is out of range", text), "write a time of at most 1000000 s"});
  } else {
    d.failure = {*who, *when};
  }
}

}  // namespace

void add_disturbances(CLI::App& verb, Disturbances& d, Problems& problems) {
  verb.add_option_function<std::string>(
          "--seed",
          [&](const std::string& text) {
            const auto seed = number<std::uint64_t>(text);
            if (!seed)
              problems.push_back({{},
                                  fmt::format("{} is not a seed", quoted(text)),
                                  "write a whole number between 0 and 18446744073709551615"});
            d.seed = seed.value_or(d.seed);
          },
          "of the noise: the same seed gives the same step")
      ->type_name("N")
      ->default_str("1");
  add_number(verb, "--jitter", d.jitter, 0, 2, problems,
             "noise: the standard deviation of the logarithm of each task's time; simulates every rank")
      ->type_name("SIGMA")
      ->default_str("0");
  verb.add_option_function<std::vector<std::string>>(
          "--straggler",
          [&](const std::vector<std::string>& all) {
            for (const std::string& text : all) read_straggler(text, d, problems);
          },
          "a rank that computes FACTOR times as long; may be given several times")
      ->type_name("RANK=FACTOR")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  verb.add_option_function<std::string>(
          "--fail", [&](const std::string& text) { read_failure(text, d, problems); },
          "a rank that stops for good at that time")
      ->type_name("RANK@TIME");
}

Problems rank_problems(const Disturbances& d, int ranks) {
  Problems problems;
  const std::string hint =
      ranks == 1 ? "the plan has one rank: 0" : fmt::format("the plan has ranks 0 to {}", ranks - 1);
  const auto check = [&](const char* flag, int rank) {
    if (rank < 0 || rank >= ranks)
      problems.push_back({{}, fmt::format("{} names rank {}, which does not exist", flag, rank), hint});
  };
  std::set<int> seen;
  for (const auto& [rank, factor] : d.stragglers) {
    check("--straggler", rank);
    if (!seen.insert(rank).second)
      problems.push_back({{}, fmt::format("--straggler names rank {} twice", rank), "give one factor for each rank"});
  }
  if (d.failure) check("--fail", d.failure->first);
  return problems;
}

}  // namespace forerun::cli
