#include "workloads/models/published_size.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace forerun {
namespace {

using namespace fields;

constexpr std::int64_t most_parameters = std::int64_t{1} << 53;

// "175 B": 175 x 10^9, give or take half of 10^9. Whole numbers up to 15 digits stay exact.
std::optional<PublishedSize> parse_printed(const std::string& text) {
  const auto digits_end = text.find_first_not_of("0123456789.");
  if (digits_end == std::string::npos || digits_end == 0) return std::nullopt;
  std::string digits = text.substr(0, digits_end);
  std::string unit = text.substr(digits_end);
  if (unit.size() == 2 && unit[0] == ' ') unit.erase(0, 1);
  int exponent = 0;
  if (unit == "M") exponent = 6;
  if (unit == "B") exponent = 9;
  if (unit == "T") exponent = 12;
  if (const auto dot = digits.find('.'); dot != std::string::npos) {
    if (dot == 0 || dot + 1 == digits.size() || digits.find('.', dot + 1) != std::string::npos) return std::nullopt;
    exponent -= static_cast<int>(digits.size() - dot - 1);
    digits.erase(dot, 1);
    if (exponent < 0) return std::nullopt;
  }
  if (unit.size() != 1 || exponent < 0 || exponent > 12 || digits.size() > 15) return std::nullopt;
  if (unit != "M" && unit != "B" && unit != "T") return std::nullopt;
  const double last = std::pow(10.0, exponent);
  return PublishedSize{
      .parameters = static_cast<double>(std::stoll(digits)) * last, .uncertainty = last / 2, .source = {}};
}

std::optional<PublishedSize> read_published(const YamlNode& node) {
  MapReader map = node.map();
  std::optional<PublishedSize> size;
  const auto exact = map.optional("exact");
  const auto printed = map.optional("printed");
  const auto source = map.required("source");
  if (exact.has_value() == printed.has_value()) {
    node.report("a published size is either exact or printed",
                "write 'exact: 8030261248', or 'printed: 8.0 B' for what a paper prints");
  } else if (exact) {
    const auto count = exact->integer(1, most_parameters);
    if (exact->is_scalar() && exact->text() == std::to_string(count))
      size = PublishedSize{static_cast<double>(count), 0, {}};
  } else if (size = parse_printed(printed->text()); !size) {
    printed->report(fmt::format("'{}' is not a number of parameters", printed->text()),
                    "write it as printed, with M, B or T, such as '175 B'");
  }
  map.finish();
  if (size && !source.is_missing()) size->source = source.text();
  return size;
}

// In the smallest unit that needs no trailing zeros.
std::string printed(const PublishedSize& size) {
  const int last =
      static_cast<int>(std::lround(std::log10(2 * size.uncertainty)));  // power of ten of the last printed digit
  const int power = std::clamp((last + 2) / 3 * 3, 6, 12);
  constexpr std::array units{"M", "B", "T"};
  return fmt::format("{:.{}f} {}", size.parameters / std::pow(10.0, power), std::max(power - last, 0),
                     units[static_cast<std::size_t>(power / 3 - 2)]);
}

Value write_published(const std::optional<PublishedSize>& size, Defaults) {
  if (!size) return {};
  const bool exact = size->uncertainty == 0;
  Value number = exact ? Value{static_cast<std::int64_t>(size->parameters)} : Value{printed(*size)};
  return {Value::Map{{exact ? "exact" : "printed", std::move(number)}, {"source", {size->source}}}};
}

}  // namespace

Kind<std::optional<PublishedSize>> published_size() {
  return {.words = {"map", "", ""},
          .read = [](std::optional<PublishedSize>& size, const YamlNode& node) { size = read_published(node); },
          .write = write_published,
          .inside = {{"exact",
                      {"integer", "", fmt::format("1 to {}", most_parameters)},
                      "",
                      "of the checkpoint (a label: the shapes must make it)"},
                     {"printed",
                      {"number", "M, B or T, as 8.0 B", ""},
                      "",
                      "of a paper, instead of `exact` (a label: the shapes must make it)"},
                     {"source", text().words, "required", "where it is published (a label: for people)"}}};
}

}  // namespace forerun
