// Uses a header, compiled code and an embedded file of the installed libraries.
#include "base/files/embedded.hpp"
#include "base/units.hpp"

int main() {
  const auto capacity = forerun::parse_quantity<forerun::Bytes>("80 GB");
  const bool read = capacity && *capacity == forerun::Bytes{80e9};
  return read && !forerun::embedded_hardware().empty() ? 0 : 1;
}
