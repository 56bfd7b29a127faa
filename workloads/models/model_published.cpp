// What was published about a model's size, from YAML and back.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "workloads/models/model_yaml.hpp"

namespace forerun::model_yaml {
namespace {

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

}  // namespace

std::optional<PublishedSize> read_published(const YamlNode& node, Numbers& numbers) {
  MapReader map = node.map();
  std::optional<PublishedSize> size;
  const auto exact = map.optional("exact");
  const auto printed = map.optional("printed");
  const auto source = map.required("source");
  if (exact.has_value() == printed.has_value()) {
    node.report("a published size is either exact or printed",
                "write 'exact: 8030261248', or 'printed: 8.0 B' for what a paper prints");
  } else if (exact) {
    const std::int64_t most = std::int64_t{1} << 53;
    const auto count = exact->integer(1, most);
    if (exact->is_scalar() && exact->text() == std::to_string(count))
      size = PublishedSize{static_cast<double>(count), 0, {}};
  } else if (size = parse_printed(printed->text()); !size) {
    printed->report(fmt::format("'{}' is not a number of parameters", printed->text()),
                    "write it as printed, with M, B or T, such as '175 B'");
  }
  map.finish();
  if (!size) numbers.spoil();
  if (size && !source.is_missing()) size->source = source.text();
  return size;
}

std::string published_yaml(const PublishedSize& size) {
  if (size.uncertainty == 0)
    return fmt::format("{{exact: {:.0f}, source: {}}}", size.parameters, yaml_scalar(size.source));
  const int last =
      static_cast<int>(std::lround(std::log10(2 * size.uncertainty)));  // power of ten of the last printed digit
  const int power = std::clamp((last + 2) / 3 * 3, 6, 12);  // the smallest unit that needs no trailing zeros
  const char* unit = power == 6 ? "M" : power == 9 ? "B" : "T";
  return fmt::format("{{printed: {:.{}f} {}, source: {}}}", size.parameters / std::pow(10.0, power),
                     std::max(power - last, 0), unit, yaml_scalar(size.source));
}

std::string yaml_scalar(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace forerun::model_yaml
