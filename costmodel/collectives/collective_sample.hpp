// A measured collective, and how far predictions are from such measurements.
#pragma once

#include <array>

#include "base/quantity.hpp"
#include "costmodel/collectives/collective.hpp"
#include "costmodel/collectives/nccl_model.hpp"
#include "costmodel/fitting/errors.hpp"

namespace forerun {

// One measured time; where it was taken is the group (one node: port and switch count, several: the network too).
struct CollectiveSample {
  CollectiveKind kind = CollectiveKind::all_reduce;
  NcclGroup group;
  Bytes bytes;
  Seconds time;
};

// Spreads of ln(measured / predicted), by predicted time: a short collective scatters more than a long one.
struct CollectiveSpread {
  static constexpr std::array<double, 2> limits{3e-5, 3e-4};  // seconds: below, between, above
  std::array<double, 3> of{};
  [[nodiscard]] double at(Seconds time) const {
    return of[time.value() < limits[0] ? 0U : time.value() < limits[1] ? 1U : 2U];
  }

  bool operator==(const CollectiveSpread&) const = default;
};

}  // namespace forerun
