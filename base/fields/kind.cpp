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

// What files may say of a quantity: no machine is outside, and times computed from what is inside fit the simulator's
// clock. Textbook machines have links without limit: most rates have no upper end that a file could want.
template <class Q>
struct Range {
  Q least, most;  // least: of what something is divided by; others begin at zero
};
constexpr double beyond = 1e30;
Range<Seconds> range_of(Seconds) { return {Seconds{1e-12}, Seconds{10}}; }
Range<Hertz> range_of(Hertz) { return {Hertz{1e3}, Hertz{1e11}}; }
Range<Bytes> range_of(Bytes) { return {Bytes{1}, Bytes{1e15}}; }
Range<Flops> range_of(Flops) { return {Flops{1}, Flops{beyond}}; }
Range<BytesPerSecond> range_of(BytesPerSecond) { return {BytesPerSecond{1e6}, BytesPerSecond{beyond}}; }
Range<FlopsPerSecond> range_of(FlopsPerSecond) { return {FlopsPerSecond{1e6}, FlopsPerSecond{beyond}}; }
Range<Joules> range_of(Joules) { return {Joules{1e-12}, Joules{beyond}}; }
Range<Watts> range_of(Watts) { return {Watts{1}, Watts{1e6}}; }
Range<Dollars> range_of(Dollars) { return {Dollars{1e-12}, Dollars{1e12}}; }
Range<DollarsPerSecond> range_of(DollarsPerSecond) { return {DollarsPerSecond{1e-12}, DollarsPerSecond{10}}; }

template <class Q>
std::string range_text(const Range<Q>& range) {
  const bool below = range.least > Q{}, above = range.most.value() < beyond;
  if (below && above) return fmt::format("{} to {}", to_yaml(range.least), to_yaml(range.most));
  return below ? "at least " + to_yaml(range.least) : above ? "at most " + to_yaml(range.most) : "";
}

template <class Q>
void read_between(Q& value, const YamlNode& node, const Range<Q>& range) {
  value = node.quantity<Q>();
  const bool readable = node.is_scalar() && parse_quantity<Q>(node.text()).has_value();
  if (!readable || (value >= range.least && value <= range.most)) return;
  if (value == Q{}) {
    node.report(quoted(node.text()) + " must be more than zero");
  } else {
    node.report(quoted(node.text()) + " is out of range", "write " + range_text(range));
  }
  value = range.least;
}

template <class Q>
Kind<Q> between(const Range<Q>& range) {
  const QuantityWords words = quantity_words<Q>();
  return {
      .words = {std::string(words.what), fmt::format("{}, as {}", words.base_unit, words.example), range_text(range)},
      .read = [range](Q& value, const YamlNode& node) { read_between(value, node, range); },
      .write = [](const Q& value, Defaults) { return Value{to_yaml(value)}; }};
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
  return between(Range<Q>{Q{}, range_of(Q{}).most});
}

template <class Q>
Kind<Q> positive() {
  return between(range_of(Q{}));
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
