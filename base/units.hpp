// Numbers with units, as people write and read them: "80 GB" (10^9), "80 GiB" (2^30), "3.35 TB/s", "400 Gbit/s",
// "989.5 TFLOP/s", "5 us", "700 W", "1.98 GHz", "2.99 USD/h". A number without its unit is an error that says so.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "base/quantity.hpp"

namespace forerun {

// What is wrong with a text as a value of that unit, and what to write instead.
struct UnitError {
  std::string message, hint;
};

// Accepts one decimal number (no hexadecimal, no leading zeros such as 012, no inf or nan, not negative), optional
// space, one known unit. Defined for every quantity that has a name in base/quantity.hpp except FlopsPerByte.
template <class Q>
tl::expected<Q, UnitError> parse_quantity(std::string_view text);

// For people: three significant digits with the unit that fits: "14.7 s", "412 ms", "3.2 us".
std::string format(Seconds);
std::string format(Bytes);           // binary units: "74.5 GiB", "512 MiB", "12 B"
std::string format_decimal(Bytes);   // decimal units: "80 GB"
std::string format(BytesPerSecond);  // "3.35 TB/s"
std::string format(FlopsPerSecond);  // "989 TFLOP/s"
std::string format(Flops);
std::string format(Hertz);
std::string format(Watts);
std::string format(Joules);
std::string format(Dollars);            // "$12.30"
std::string format(DollarsPerSecond);   // "$2.99/h"
std::string format_count(double);       // "70.6 B", "1.2 M", "512"
std::string format_percent(double fraction);  // "6.2 %"

// How people name a quantity: "size", "B", "80 GiB".
struct QuantityWords {
  std::string_view what, base_unit, example;
};
template <class Q>
QuantityWords quantity_words();

// For YAML: a short text that parse_quantity reads back to the same double. The quantity is finite and not negative.
template <class Q>
std::string to_yaml(Q);

}  // namespace forerun
