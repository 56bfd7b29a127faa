// Where the groups of plans sit on one cluster: each shape is placed once.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "costmodel/collective.hpp"

namespace forerun {

class PlacementTable {
 public:
  explicit PlacementTable(const Topology& topology) : topology_(topology) {}

  // Stays where it is as long as the table lives.
  const Placement& operator()(Axis axis) {
    const auto key = std::uint64_t{static_cast<std::uint32_t>(axis.count)} << 32 | static_cast<std::uint32_t>(axis.stride);
    const auto found = known_.find(key);
    return found != known_.end() ? found->second : known_.emplace(key, place(topology_, {axis})).first->second;
  }

 private:
  const Topology& topology_;
  std::unordered_map<std::uint64_t, Placement> known_;
};

}  // namespace forerun
