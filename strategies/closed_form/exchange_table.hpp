// What exchanges within the groups of plans take on one cluster: each shape of a group is placed once, each message in
// it priced once.
#pragma once

#include <bit>
#include <cassert>
#include <cstdint>
#include <functional>
#include <unordered_map>

#include "costmodel/collective_model.hpp"
#include "costmodel/timing.hpp"
#include "sim/tick.hpp"
#include "strategies/plan/boundaries.hpp"
#include "strategies/plan/scenario.hpp"

namespace forerun {

class ExchangeTable {
 public:
  explicit ExchangeTable(const PricedScenario& scenario) : scenario_(scenario) {}

  // In whole picoseconds, as the simulator takes them. Stays where it is as long as the table lives.
  const Timing& operator()(const Collective& collective, Axis axis) {
    assert(collective.kind != CollectiveKind::send && "messages go over boundaries");
    return known({collective.kind, collective.bytes, static_cast<std::uint32_t>(axis.count),
                  static_cast<std::uint64_t>(axis.stride)},
                 collective, [&]() -> const Placement& { return placement(axis); });
  }
  const Timing& operator()(Bytes message, const Boundary& boundary) {
    return known({CollectiveKind::send, message, static_cast<std::uint32_t>(boundary.level),
                  std::bit_cast<std::uint64_t>(boundary.share.value())},
                 {CollectiveKind::send, message}, [&] { return placement_of(scenario_.topology, boundary); });
  }

 private:
  // Of a group its axis (members, stride), of a pair of stages its boundary (level, share).
  struct Key {
    CollectiveKind kind;
    Bytes bytes;
    std::uint32_t count;
    std::uint64_t distance;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const {
      constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
      const std::uint64_t group =
          std::uint64_t{key.count} << 32 ^ key.distance << 3 ^ static_cast<std::uint64_t>(key.kind);
      return (std::bit_cast<std::uint64_t>(key.bytes.value()) * odd ^ group) * odd >> 20;
    }
  };

  template <class Place>
  const Timing& known(const Key& key, const Collective& collective, Place place) {
    const auto [found, fresh] = known_.try_emplace(key);
    if (fresh) {
      found->second = scenario_.collectives->time(collective, place());
      found->second.median = to_seconds(to_ticks(found->second.median));
    }
    return found->second;
  }

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
