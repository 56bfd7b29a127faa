// What exchanges within the groups of plans take on one cluster: each shape of a group is placed once, each message in
// it priced once.
#pragma once

#include <bit>
#include <cstdint>
#include <functional>
#include <unordered_map>

#include "costmodel/collective_model.hpp"
#include "costmodel/timing.hpp"
#include "sim/tick.hpp"
#include "strategies/plan/scenario.hpp"

namespace forerun {

class ExchangeTable {
 public:
  explicit ExchangeTable(const PricedScenario& scenario) : scenario_(scenario) {}

  // In whole picoseconds, as the simulator takes them. Stays where it is as long as the table lives.
  const Timing& operator()(const Collective& collective, Axis axis) {
    const auto [found, fresh] = known_.try_emplace(Key{collective.kind, collective.bytes, axis.count, axis.stride});
    if (fresh) {
      found->second = scenario_.collectives->time(collective, placement(axis));
      found->second.median = to_seconds(to_ticks(found->second.median));
    }
    return found->second;
  }

 private:
  struct Key {
    CollectiveKind kind;
    Bytes bytes;
    int count, stride;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const {
      constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
      const std::uint64_t group = std::uint64_t{static_cast<std::uint32_t>(key.count)} << 32 |
                                  static_cast<std::uint32_t>(key.stride) << 3 | static_cast<std::uint32_t>(key.kind);
      return (std::bit_cast<std::uint64_t>(key.bytes.value()) * odd ^ group) * odd >> 20;
    }
  };

  const Placement& placement(Axis axis) {
    const auto key =
        std::uint64_t{static_cast<std::uint32_t>(axis.count)} << 32 | static_cast<std::uint32_t>(axis.stride);
    const auto found = placements_.find(key);
    return found != placements_.end() ? found->second
                                      : placements_.emplace(key, place(scenario_.topology, {axis})).first->second;
  }

  const PricedScenario& scenario_;
  std::unordered_map<std::uint64_t, Placement> placements_;
  std::unordered_map<Key, Timing, Hash> known_;
};

}  // namespace forerun
