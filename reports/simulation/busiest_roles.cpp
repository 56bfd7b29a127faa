#include "reports/simulation/busiest_roles.hpp"

#include <algorithm>
#include <optional>

namespace forerun {
namespace {

Bytes wire_bytes(const Traffic& traffic) {
  Bytes sum;
  for (std::size_t f = 0; f < flow_count; ++f) sum += traffic[static_cast<Flow>(f)].wire;
  return sum;
}

// The first role of the stage for which `amount` is largest.
template <class Amount>
std::uint32_t most_of_stage(const Simulation& s, int stage, Amount amount) {
  std::optional<std::uint32_t> most;
  for (std::uint32_t r = 0; r < s.roles.size(); ++r) {
    if (s.roles[r].stage == stage && (!most || amount(r) > amount(*most))) most = r;
  }
  return most.value();
}

}  // namespace

Seconds busy(const Simulation& s, std::uint32_t role) { return s.step - s.roles[role].breakdown.bubble; }

std::vector<std::uint32_t> busiest_of_stages(const Simulation& s) {
  std::vector<std::uint32_t> busiest;
  for (int stage = 0; stage < s.program.plan.pp; ++stage)
    busiest.push_back(most_of_stage(s, stage, [&](std::uint32_t r) { return busy(s, r); }));
  return busiest;
}

std::vector<std::uint32_t> fullest_of_stages(const Simulation& s) {
  std::vector<std::uint32_t> fullest;
  for (int stage = 0; stage < s.program.plan.pp; ++stage)
    fullest.push_back(most_of_stage(s, stage, [&](std::uint32_t r) { return s.roles[r].memory.peak.allocated(); }));
  return fullest;
}

std::uint32_t busiest(const Simulation& s) {
  const std::vector<std::uint32_t> roles = busiest_of_stages(s);
  return *std::ranges::max_element(roles, {}, [&](std::uint32_t role) { return busy(s, role); });
}

std::uint32_t sends_most(const Simulation& s) {
  const auto most =
      std::ranges::max_element(s.roles, {}, [](const RoleReport& role) { return wire_bytes(role.traffic); });
  return static_cast<std::uint32_t>(most - s.roles.begin());
}

}  // namespace forerun
