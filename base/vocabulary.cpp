#include "base/vocabulary.hpp"

#include <cstddef>

namespace forerun {

std::string_view to_string(Dimension d) {
  static constexpr std::array<std::string_view, 5> names{"tp", "cp", "ep", "dp", "pp"};
  return names[static_cast<std::size_t>(d)];
}

std::string_view to_string(CpKind kind) {
  static constexpr std::array<std::string_view, 3> names{"all_gather", "ring", "ulysses"};
  return names[static_cast<std::size_t>(kind)];
}

std::string_view to_string(ZeroExchange exchange) {
  return exchange == ZeroExchange::every_pass ? "every_pass" : "once_a_step";
}

}  // namespace forerun
