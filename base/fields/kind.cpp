#include "base/fields/kind.hpp"

#include <fmt/format.h>

#include <limits>

#include "base/text.hpp"
#include "base/units.hpp"

namespace forerun::fields {
namespace {

template <class Number>
std::string range_text(Number least, Number most) {
  const bool below = least > std::numeric_limits<Number>::lowest(), above = most < std::numeric_limits<Number>::max();
  if (below && above) return fmt::format("{} to {}", least, most);
  if (below) return fmt::format("at least {}", least);
  return above ? fmt::format("at most {}", most) : "";
}

template <class Q>
Words quantity_of(std::string range) {
  const QuantityWords words = quantity_words<Q>();
  return {std::string(words.what), fmt::format("{}, as {}", words.base_unit, words.example), std::move(range)};
}

template <class Q>
void read_positive(Q& value, const YamlNode& node) {
  value = node.quantity<Q>();
  const bool readable = node.is_scalar() && parse_quantity<Q>(node.text()).has_value();
  if (readable && !(value > Q{})) node.report(quoted(node.text()) + " must be more than zero");
}

}  // namespace

Kind<int> integer(int least, int most) {
  return {
      .words = {"integer", "", range_text(least, most)},
      .read = [least, most](int& value, const YamlNode& node) { value = static_cast<int>(node.integer(least, most)); },
      .write = [](const int& value, Defaults) { return Value{std::int64_t{value}}; }};
}

Kind<int> integer_or_unset(int most) { return unset_as(0, integer(1, most)); }

Kind<double> number(double least, double most) {
  return {.words = {"number", "", range_text(least, most)},
          .read = [least, most](double& value, const YamlNode& node) { value = node.number(least, most); },
          .write = [](const double& value, Defaults) { return Value{value}; }};
}

Kind<bool> flag() {
  return {.words = {"flag", "", "true, false"},
          .read = [](bool& value, const YamlNode& node) { value = node.boolean(); },
          .write = [](const bool& value, Defaults) { return Value{value}; }};
}

Kind<std::string> text() {
  return {.words = {"text", "", ""},
          .read = [](std::string& value, const YamlNode& node) { value = node.text(); },
          .write = [](const std::string& value, Defaults) { return Value{value}; }};
}

Kind<std::string> word(std::vector<std::string> names) {
  Words words{"choice", "", join(names, ", ")};
  return {.words = std::move(words),
          .read = [names = std::move(names)](std::string& value,
                                             const YamlNode& node) { value = names[node.one_of(names)]; },
          .write = [](const std::string& value, Defaults) { return Value{value}; }};
}

template <class Q>
Kind<Q> quantity() {
  return {.words = quantity_of<Q>(""),
          .read = [](Q& value, const YamlNode& node) { value = node.quantity<Q>(); },
          .write = [](const Q& value, Defaults) { return Value{to_yaml(value)}; }};
}

template <class Q>
Kind<Q> positive() {
  Kind<Q> kind = quantity<Q>();
  kind.words = quantity_of<Q>("more than 0");
  kind.read = read_positive<Q>;
  return kind;
}

#define FORERUN_KINDS_OF(Q)       \
  template Kind<Q> quantity<Q>(); \
  template Kind<Q> positive<Q>();
FORERUN_KINDS_OF(Seconds)
FORERUN_KINDS_OF(Hertz)
FORERUN_KINDS_OF(Bytes)
FORERUN_KINDS_OF(Flops)
FORERUN_KINDS_OF(BytesPerSecond)
FORERUN_KINDS_OF(FlopsPerSecond)
FORERUN_KINDS_OF(Joules)
FORERUN_KINDS_OF(Watts)
FORERUN_KINDS_OF(Dollars)
FORERUN_KINDS_OF(DollarsPerSecond)
#undef FORERUN_KINDS_OF

Words list_words(const Words& item) {
  return {item.kind == "map" ? "list of maps" : "list of " + item.kind, item.unit, item.range};
}

std::vector<Info> list_infos(const std::vector<Info>& inside) {
  std::vector<Info> infos = inside;
  for (Info& info : infos) info.key = "[]." + info.key;
  return infos;
}

std::optional<std::size_t> list_index(std::string_view key, std::size_t size) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
  if (error != std::errc{} || end != key.data() + key.size() || index >= size) return std::nullopt;
  return index;
}

}  // namespace forerun::fields
