#include "base/units.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/decimal.hpp"
#include "base/text.hpp"

namespace forerun {
namespace {

// A number of this unit is number x 10^power x times / per base units.
struct Unit {
  std::string name;
  int power = 0;
  double times = 1;
  double per = 1;
  bool written = true;  // false: read, never written by us
};

// The units of one quantity, the base unit first.
struct Family {
  std::string_view what;
  std::string_view example;
  std::vector<Unit> units;
};

struct Scale {
  const char* prefix;
  int power;
};
constexpr Scale scales[] = {{"", 0}, {"k", 3}, {"M", 6}, {"G", 9}, {"T", 12}, {"P", 15}, {"E", 18}, {"Z", 21}};

std::vector<Unit> decimal(const std::string& unit, int highest) {
  std::vector<Unit> units;
  for (const auto& [prefix, power] : scales) {
    if (power <= highest) units.push_back({.name = prefix + unit, .power = power});
  }
  return units;
}

std::vector<Unit> binary(const std::string& unit) {
  constexpr double kib = 1024;
  return {{.name = "Ki" + unit, .times = kib},
          {.name = "Mi" + unit, .times = kib * kib},
          {.name = "Gi" + unit, .times = kib * kib * kib},
          {.name = "Ti" + unit, .times = kib * kib * kib * kib},
          {.name = "Pi" + unit, .times = kib * kib * kib * kib * kib}};
}

// Other spellings of units that have one already; `per` 8 makes bits of them.
std::vector<Unit> spelled(std::vector<Unit> units, double per = 1) {
  for (Unit& unit : units) {
    unit.per = per;
    unit.written = false;
  }
  return units;
}

std::vector<Unit> operator+(std::vector<Unit> units, const std::vector<Unit>& more) {
  units.insert(units.end(), more.begin(), more.end());
  return units;
}

constexpr double minute = 60, hour = 3600, day = 86400;
constexpr double bits = 8;  // in a byte

// One family for each quantity, in the order of base/quantity.hpp.
enum Quantities : std::uint8_t {
  time,
  frequency,
  size,
  work,
  byte_rate,
  flop_rate,
  energy,
  power,
  money,
  price,
  family_count
};

const Family& family(std::size_t quantity) {
  static const Family families[] = {
      {"time",
       "5 us",
       {{.name = "s"},
        {.name = "ms", .power = -3},
        {.name = "us", .power = -6},
        {.name = "ns", .power = -9},
        {.name = "min", .times = minute},
        {.name = "h", .times = hour},
        {.name = "d", .times = day}}},
      {"frequency", "1.98 GHz", decimal("Hz", 9)},
      {"size", "80 GiB", decimal("B", 15) + binary("B") + spelled({{.name = "KB", .power = 3}})},
      {"FLOPs", "6.2 TFLOP", decimal("FLOP", 21)},
      {"bandwidth", "50 GB/s",
       decimal("B/s", 15) + binary("B/s") + spelled({{.name = "KB/s", .power = 3}}) +
           spelled(decimal("bit/s", 12) + decimal("bps", 12) + decimal("b/s", 12) +
                       std::vector<Unit>{{.name = "Kbps", .power = 3}},
                   bits)},
      {"FLOP rate", "989 TFLOP/s", decimal("FLOP/s", 18) + spelled(decimal("FLOPS", 18))},
      {"energy", "3.6 MJ", decimal("J", 6) + std::vector<Unit>{{.name = "kWh", .power = 5, .times = 36}}},
      {"power", "700 W", decimal("W", 6)},
      {"money", "25 USD", {{.name = "USD"}}},
      {"price", "2.99 USD/h", {{.name = "USD/s"}, {.name = "USD/h", .per = hour}}}};
  static_assert(std::size(families) == family_count);
  return families[quantity];
}

constexpr Quantities index_of(Seconds) { return time; }
constexpr Quantities index_of(Hertz) { return frequency; }
constexpr Quantities index_of(Bytes) { return size; }
constexpr Quantities index_of(Flops) { return work; }
constexpr Quantities index_of(BytesPerSecond) { return byte_rate; }
constexpr Quantities index_of(FlopsPerSecond) { return flop_rate; }
constexpr Quantities index_of(Joules) { return energy; }
constexpr Quantities index_of(Watts) { return power; }
constexpr Quantities index_of(Dollars) { return money; }
constexpr Quantities index_of(DollarsPerSecond) { return price; }

const Unit* find(const Family& of, std::string_view name) {
  const auto found =
      std::find_if(of.units.begin(), of.units.end(), [&](const Unit& unit) { return unit.name == name; });
  return found == of.units.end() ? nullptr : &*found;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<double> in_base_units(std::string_view number, const Unit& unit) {
  const auto scaled = to_double(number, unit.power);
  if (!scaled || !std::isfinite(*scaled * unit.times)) return std::nullopt;
  return *scaled * unit.times / unit.per;
}

// "gb" may be meant as "GB", "GB" as "GB/s", "TFLOP/s" as "TFLOP", "gigab" as nothing that we know.
std::string likely_unit(const Family& of, const std::string& written) {
  const std::string candidates[] = {written, written + "/s", written + "/h", written.substr(0, written.find('/'))};
  for (const std::string& candidate : candidates) {
    if (candidate.empty()) continue;
    if (find(of, candidate) != nullptr) return candidate;
    for (const Unit& unit : of.units) {
      if (lower(unit.name) == lower(candidate)) return unit.name;
    }
  }
  return "";
}

std::string wrong_unit_hint(const Family& of, std::string_view number, const std::string& unit) {
  if (const std::string likely = likely_unit(of, unit); !likely.empty()) {
    return "did you mean '" + std::string(number) + " " + likely + "'?";
  }
  const std::string example = ", such as '" + std::string(of.example) + "'";
  for (std::size_t other = 0; other < family_count; ++other) {
    if (find(family(other), unit) == nullptr) continue;
    return quoted(unit) + " is a unit of " + std::string(family(other).what) + "; write one of " +
           std::string(of.what) + example;
  }
  return "write a number and a unit" + example;
}

tl::expected<double, UnitError> parse(const Family& of, std::string_view text) {
  const std::string example = ", such as '" + std::string(of.example) + "'";
  const auto wrong = [&](const std::string& what, std::string hint) {
    return tl::unexpected(UnitError{quoted(text) + " " + what, std::move(hint)});
  };
  const std::string_view value = trimmed(text);
  const std::size_t length = number_length(value);
  const std::string_view number = value.substr(0, length);
  const std::string unit(trimmed(value.substr(length)));
  if (length == 0)
    return wrong("is not a value", "write a decimal number (without leading zeros) and a unit" + example);
  if (number.starts_with('-')) return wrong("is negative", "write a number of at least 0 and a unit" + example);
  if (unit.empty()) return wrong("has no unit", "write a number and a unit" + example);
  const Unit* known = find(of, unit);
  if (known == nullptr) return wrong("is not a value", wrong_unit_hint(of, number, unit));
  const auto base = in_base_units(number, *known);
  if (!base) return wrong("is too large or too small", "write a number that a double can hold" + example);
  return *base;
}

// A decimal as its digits (without a point and without zeros at the ends) times 10^power.
struct Digits {
  std::string digits;
  int power = 0;
};

Digits shortest(double value) {
  char buffer[32];
  const char* end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t e = text.find('e');
  Digits result{std::string(text.substr(0, e)), std::stoi(std::string(text.substr(e + 1)))};
  std::erase(result.digits, '.');
  result.power -= static_cast<int>(result.digits.size()) - 1;
  return result;
}

// "335", -2: "3.35"; "5", 2: "500"; "5", -3: "0.005"; with an exponent where that is shorter.
std::string plain(const Digits& number) {
  const auto [digits, power] = number;
  const int point = static_cast<int>(digits.size()) + power;  // digits before the point
  std::string scientific = digits + "e" + std::to_string(power);
  if (point > 20 || point < -20) return scientific;
  std::string text = digits;
  if (power >= 0) {
    text.append(static_cast<std::size_t>(power), '0');
  } else if (point > 0) {
    text.insert(static_cast<std::size_t>(point), 1, '.');
  } else {
    text = "0." + std::string(static_cast<std::size_t>(-point), '0') + digits;
  }
  return text.size() <= scientific.size() + 2 ? text : scientific;
}

std::string to_yaml(const Family& of, double value) {
  assert(std::isfinite(value) && value >= 0 && "files hold no such number");
  if (value == 0) return "0 " + of.units.front().name;
  std::string best;
  double largest = 0;
  for (const Unit& unit : of.units) {
    if (!unit.written) continue;
    // Exponents are shifted as text, so only `times` and `per` can round; such a unit is taken where it reads back.
    const double count = value * unit.per / unit.times;
    if (!std::isfinite(count)) continue;
    Digits number = shortest(count);
    number.power -= unit.power;
    const std::string text = plain(number);
    if (in_base_units(text, unit) != value) continue;
    const std::string candidate = text + " " + unit.name;
    const double one = std::pow(10.0, unit.power) * unit.times / unit.per;
    if (best.empty() || candidate.size() < best.size() || (candidate.size() == best.size() && one > largest)) {
      best = candidate;
      largest = one;
    }
  }
  return best;
}

}  // namespace

template <class Q>
tl::expected<Q, UnitError> parse_quantity(std::string_view text) {
  return parse(family(index_of(Q{})), text).map([](double base) { return Q{base}; });
}

template <class Q>
QuantityWords quantity_words() {
  const Family& of = family(index_of(Q{}));
  return {of.what, of.units.front().name, of.example};
}

template <class Q>
std::string to_yaml(Q quantity) {
  return to_yaml(family(index_of(Q{})), quantity.value());
}

#define FORERUN_UNITS_OF(Q)                                                \
  template tl::expected<Q, UnitError> parse_quantity<Q>(std::string_view); \
  template QuantityWords quantity_words<Q>();                              \
  template std::string to_yaml<Q>(Q);
FORERUN_UNITS_OF(Seconds)
FORERUN_UNITS_OF(Hertz)
FORERUN_UNITS_OF(Bytes)
FORERUN_UNITS_OF(Flops)
FORERUN_UNITS_OF(BytesPerSecond)
FORERUN_UNITS_OF(FlopsPerSecond)
FORERUN_UNITS_OF(Joules)
FORERUN_UNITS_OF(Watts)
FORERUN_UNITS_OF(Dollars)
FORERUN_UNITS_OF(DollarsPerSecond)
#undef FORERUN_UNITS_OF

}  // namespace forerun
