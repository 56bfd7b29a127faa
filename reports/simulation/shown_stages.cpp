#include "reports/simulation/shown_stages.hpp"

#include <fmt/format.h>

namespace forerun {
namespace {

constexpr std::size_t most_stages = 16;

}  // namespace

std::vector<std::uint32_t> shown_stages(const std::vector<std::uint32_t>& all) {
  if (all.size() <= most_stages) return all;
  std::vector<std::uint32_t> some(all.begin(), all.begin() + most_stages / 2);
  some.insert(some.end(), all.end() - most_stages / 2, all.end());
  return some;
}

std::string not_shown(std::size_t all) {
  return all <= most_stages ? "" : fmt::format("not shown: {} stages between (--json has them)\n", all - most_stages);
}

}  // namespace forerun
